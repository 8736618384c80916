// Package how has what all measurements are told.
package how

// Options say how to measure.
type Options struct {
	Quick bool                             // everything once and short, to show that it works
	Log   func(format string, args ...any) // tells progress, if set
}

// Logf tells progress.
func (o Options) Logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(format, args...)
	}
}
