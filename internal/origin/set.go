package origin

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
)

// MaxShapes is how many lengths there may be of what stands around a "*" inside a
// label, for one host to the right of it. A look-up tries each.
const MaxShapes = 500

// Set is a compiled list of patterns. What a look-up costs grows with the length of
// the origin, and not with how many patterns the set holds, but for the lengths that
// [MaxShapes] is about. The zero value is an empty set. A set may be read by many
// goroutines once it is no longer added to.
type Set struct {
	any      bool
	exact    map[string]struct{}  // whole origins
	anyPort  map[string]struct{}  // origins without their port
	wildcard map[string]*wildcard // by scheme
}

// wildcard holds the patterns of one scheme that leave the host open.
type wildcard struct {
	anyHost ports
	single  labels             // of hosts with one label
	parents map[uint64]*parent // by the hash of their name
	seed    uint64
}

// parent is a name that stands to the right of a wildcard label.
type parent struct {
	name       string
	subdomains ports // of the pattern "*." before it
	labels     labels
	next       *parent // another name of the same hash
}

// labels are the patterns with "*" inside the label before one parent, or inside the
// only label. Those of one shape are found by one look-up, so that only the number of
// shapes counts.
type labels struct {
	shapes []shape // sorted, each once
	ports  map[affixes]*ports
}

// affixes are what stands around the "*" of a label.
type affixes struct{ prefix, suffix string }

// shape is how long the affixes of a label are.
type shape struct{ prefix, suffix int }

func (s shape) compare(to shape) int {
	return cmp.Or(cmp.Compare(s.prefix, to.prefix), cmp.Compare(s.suffix, to.suffix))
}

// ports is a set of ports; the zero value is empty.
type ports struct {
	any  bool
	list map[string]struct{}
}

// Add puts p into the set. It must not run beside other calls.
func (s *Set) Add(p Pattern) {
	switch {
	case p.kind == kindNone:
	case p.kind == kindAny:
		s.any = true
	case p.kind == kindExact && p.port == anyPort:
		insert(&s.anyPort, p.scheme+schemeSeparator+p.host)
	case p.kind == kindExact, p.kind == kindOpaque:
		insert(&s.exact, p.String())
	default:
		if s.wildcard == nil {
			s.wildcard = make(map[string]*wildcard)
		}
		w := s.wildcard[p.scheme]
		if w == nil {
			w = &wildcard{parents: make(map[uint64]*parent), seed: rand.Uint64()}
			s.wildcard[p.scheme] = w
		}
		w.add(p)
	}
}

// Any reports whether the set holds "*", which every origin matches, malformed ones
// too.
func (s *Set) Any() bool { return s.any }

// Shapes returns how many lengths there are of what stands around a "*" inside a label,
// for the host that has most of them.
func (s *Set) Shapes() int {
	most := 0
	for _, w := range s.wildcard {
		most = max(most, len(w.single.shapes))
		for _, p := range w.parents {
			for ; p != nil; p = p.next {
				most = max(most, len(p.labels.shapes))
			}
		}
	}
	return most
}

// Contains reports whether a pattern of the set matches o. It allocates nothing.
func (s *Set) Contains(o Origin) bool {
	if s.any {
		return true
	}
	if _, ok := s.exact[o.raw]; ok {
		return true
	}
	if o.Opaque() {
		return false
	}
	if len(s.anyPort) > 0 {
		if _, ok := s.anyPort[o.withoutPort()]; ok {
			return true
		}
	}
	w := s.wildcard[o.Scheme()]
	return w != nil && w.contains(o.Host(), o.Port())
}

// Covers reports whether one pattern of the set matches all that p matches.
func (s *Set) Covers(p Pattern) bool {
	if s.any || p.kind == kindNone {
		return true
	}
	if p.kind == kindAny {
		return false
	}
	if _, ok := s.exact[p.String()]; ok {
		return true
	}
	if _, ok := s.anyPort[p.scheme+schemeSeparator+p.host]; ok {
		return true
	}
	// A wildcard label is looked up as it stands: as text, its "*" is matched by
	// just those patterns that match every text in its place.
	w := s.wildcard[p.scheme]
	return w != nil && w.contains(p.host, p.port)
}

func (w *wildcard) add(p Pattern) {
	label, name, hasParent := strings.Cut(p.host, ".")
	switch prefix, suffix, _ := strings.Cut(label, "*"); {
	case p.kind == kindAnyHost:
		w.anyHost.add(p.port)
	case p.kind == kindSubdomain:
		w.parent(name).subdomains.add(p.port)
	case hasParent:
		w.parent(name).labels.add(affixes{prefix, suffix}, p.port)
	default:
		w.single.add(affixes{prefix, suffix}, p.port)
	}
}

// parent returns the parent of this name, which it makes if there is none.
func (w *wildcard) parent(name string) *parent {
	h := w.seed
	for i := len(name) - 1; i >= 0; i-- {
		h = hashByte(h, name[i])
	}
	return w.parentAt(h, name)
}

// parentAt returns the parent of this name, whose hash is h.
func (w *wildcard) parentAt(h uint64, name string) *parent {
	if p := w.find(h, name); p != nil {
		return p
	}
	p := &parent{name: name, next: w.parents[h]}
	w.parents[h] = p
	return p
}

// find returns the parent of this name, whose hash is h, or nil.
func (w *wildcard) find(h uint64, name string) *parent {
	p := w.parents[h]
	for p != nil && p.name != name {
		p = p.next
	}
	return p
}

// hashByte adds a byte to a hash. Names are hashed from the right, so that one walk
// over a host hashes the names of all its parents.
func hashByte(h uint64, c byte) uint64 { return (h ^ uint64(c)) * 0x100000001b3 }

func (l *labels) add(a affixes, port string) {
	if l.ports == nil {
		l.ports = make(map[affixes]*ports)
	}
	if l.ports[a] == nil {
		l.ports[a] = new(ports)
		s := shape{len(a.prefix), len(a.suffix)}
		if i, found := slices.BinarySearchFunc(l.shapes, s, shape.compare); !found {
			l.shapes = slices.Insert(l.shapes, i, s)
		}
	}
	l.ports[a].add(port)
}

// contains walks over host once, from the right.
func (w *wildcard) contains(host, port string) bool {
	if w.anyHost.has(port) {
		return true
	}
	first := strings.IndexByte(host, '.')
	if first < 0 {
		// An IPv6 address matches nothing here: a label has no colon.
		return w.single.contain(host, port)
	}
	h := w.seed
	for i := len(host) - 1; i >= first; i-- {
		if host[i] == '.' { // there is no parent behind a trailing dot
			p := w.find(h, host[i+1:])
			if p != nil && (p.subdomains.has(port) || i == first && p.labels.contain(host[:i], port)) {
				return true
			}
		}
		h = hashByte(h, host[i])
	}
	return false
}

func (l *labels) contain(name, port string) bool {
	for _, s := range l.shapes {
		if len(name) <= s.prefix+s.suffix {
			continue
		}
		if p := l.ports[affixes{name[:s.prefix], name[len(name)-s.suffix:]}]; p != nil && p.has(port) {
			return true
		}
	}
	return false
}

func (p *ports) add(port string) {
	if port == anyPort {
		p.any = true
		return
	}
	insert(&p.list, port)
}

func (p *ports) has(port string) bool {
	if p.any {
		return true
	}
	_, ok := p.list[port]
	return ok
}

func insert(set *map[string]struct{}, key string) {
	if *set == nil {
		*set = make(map[string]struct{})
	}
	(*set)[key] = struct{}{}
}
