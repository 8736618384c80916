package origin

// Builder compiles a list of patterns into a [Set], without pointers to each: of a million, the
// garbage collector would have to follow them. The zero value is an empty list.
type Builder struct {
	set     Set
	exact   packed // nearly all of a long list
	anyPort packed
}

// PauseEvery is after how many lines a pause is due where a long list is parsed beside other
// work, and again where it is compiled: a tenth of a millisecond.
const PauseEvery = 250

// Grow makes room for origins of so many bytes in all.
func (b *Builder) Grow(bytes int) { b.exact.text = make([]byte, 0, bytes) }

// Add adds a pattern.
func (b *Builder) Add(p Pattern) {
	switch {
	case p.kind == kindNone:
	case p.kind == kindAny:
		b.set.any = true
	case p.kind == kindExact && p.port() == anyPort:
		b.anyPort.add(p.withoutPort())
	case p.kind == kindExact, p.kind == kindOpaque:
		b.exact.add(p.text)
	default:
		b.set.addWildcard(p)
	}
}

// Set returns the set of what was added, after which the builder is of no use. It calls pause
// now and then, see [PauseEvery].
func (b *Builder) Set(pause func()) *Set {
	set := b.set // and not a pointer into the builder, which would keep the list
	set.exact, set.anyPort = newTable(b.exact, pause), newTable(b.anyPort, pause)
	return &set
}

// packed is a list of strings in one text, each behind its length in two bytes.
type packed struct {
	text  []byte
	count int
}

// lengthBytes is how many bytes tell a length: no origin is longer than these can.
const lengthBytes = 2

func (p *packed) add(s string) {
	p.text = append(append(p.text, byte(len(s)), byte(len(s)>>8)), s...)
	p.count++
}

// next returns the first string of a packed text, with its length, and what comes after it.
func next(text []byte) (s, rest []byte) {
	end := lengthBytes + (int(text[0]) | int(text[1])<<8)
	return text[:end], text[end:]
}
