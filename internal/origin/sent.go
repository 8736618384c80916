package origin

// Sent is the value of an Origin header. It is parsed when that is needed, once: what
// stands in a list of origins as it was sent is known to be well-formed.
type Sent struct {
	raw        string
	parsed     bool
	wellFormed bool // if it is parsed
	origin     Origin
}

// NewSent returns the value of an Origin header.
func NewSent(value string) Sent { return Sent{raw: value} }

// Origin returns the origin that was sent. It reports false if it is malformed, as
// [Parse] does.
func (s *Sent) Origin() (o Origin, wellFormed bool) {
	if !s.parsed {
		s.parsed = true
		s.origin, s.wellFormed = Parse(s.raw)
	}
	return s.origin, s.wellFormed
}

// String returns the value as it was sent.
func (s *Sent) String() string { return s.raw }
