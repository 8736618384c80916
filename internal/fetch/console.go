package fetch

// Console is replaced.
func (b Block) Console(e Engine) string { return e.String() }
