package origin

import (
	"cmp"
	"slices"
	"strings"
)

// MaxShapes is how many lengths there may be of what stands around a "*" inside a
// label, for one host to the right of it. A look-up tries each.
const MaxShapes = 500

// Set is a compiled list of patterns. What a look-up costs grows with the length of
// the origin, and not with how many patterns the set holds, but for the lengths that
// [MaxShapes] is about. The zero value is an empty set. A set may be read by many
// goroutines.
type Set struct {
	any      bool
	exact    table                // whole origins
	anyPort  table                // origins without their port
	wildcard map[string]*wildcard // by scheme
}

// wildcard holds the patterns of one scheme that leave the host open.
type wildcard struct {
	anyHost ports
	single  labels             // of hosts with one label
	parents map[string]*parent // by their name
	lengths []int              // of the names of parents, sorted, each once
}

// parent is a name that stands to the right of a wildcard label.
type parent struct {
	subdomains ports // of the pattern "*." before it
	labels     labels
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

// NewSet returns the set of these patterns.
func NewSet(patterns ...Pattern) *Set {
	var b Builder
	for _, p := range patterns {
		b.Add(p)
	}
	return b.Set(func() {})
}

func (s *Set) addWildcard(p Pattern) {
	if s.wildcard == nil {
		s.wildcard = make(map[string]*wildcard)
	}
	w := s.wildcard[p.scheme()]
	if w == nil {
		w = &wildcard{parents: make(map[string]*parent)}
		s.wildcard[p.scheme()] = w
	}
	w.add(p)
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
			most = max(most, len(p.labels.shapes))
		}
	}
	return most
}

// Matches reports whether a pattern of the set matches what was sent. It allocates
// nothing, and parses it only if that is needed.
func (s *Set) Matches(sent *Sent) bool {
	if s.any || s.exact.has(sent.raw) {
		return true
	}
	if s.anyPort.empty() && s.wildcard == nil {
		return false
	}
	o, wellFormed := sent.Origin()
	return wellFormed && s.matchesOpen(o)
}

// Contains reports whether a pattern of the set matches o. It allocates nothing.
func (s *Set) Contains(o Origin) bool {
	return s.any || s.exact.has(o.raw) || s.matchesOpen(o)
}

// matchesOpen reports whether a pattern that leaves something open matches o.
func (s *Set) matchesOpen(o Origin) bool {
	if o.Opaque() {
		return false
	}
	if s.anyPort.has(o.withoutPort()) {
		return true
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
	if s.exact.has(p.text) || s.anyPort.has(p.withoutPort()) {
		return true
	}
	// A wildcard label is looked up as it stands: as text, its "*" is matched by
	// just those patterns that match every text in its place.
	w := s.wildcard[p.scheme()]
	return w != nil && w.contains(p.host(), p.port())
}

func (w *wildcard) add(p Pattern) {
	port := p.port()
	label, name, hasParent := strings.Cut(p.host(), ".")
	switch prefix, suffix, _ := strings.Cut(label, "*"); {
	case p.kind == kindAnyHost:
		w.anyHost.add(port)
	case p.kind == kindSubdomain:
		w.parent(name).subdomains.add(port)
	case hasParent:
		w.parent(name).labels.add(affixes{prefix, suffix}, port)
	default:
		w.single.add(affixes{prefix, suffix}, port)
	}
}

// parent returns the parent of this name, which it makes if there is none.
func (w *wildcard) parent(name string) *parent {
	p := w.parents[name]
	if p == nil {
		p = new(parent)
		w.parents[name] = p
		if i, found := slices.BinarySearch(w.lengths, len(name)); !found {
			w.lengths = slices.Insert(w.lengths, i, len(name))
		}
	}
	return p
}

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

// contains looks up what is to the right of a dot of host and as long as the name of a
// parent: about as often as host has labels, at most.
func (w *wildcard) contains(host, port string) bool {
	if w.anyHost.has(port) {
		return true
	}
	first := strings.IndexByte(host, '.')
	if first < 0 {
		// An IPv6 address matches nothing here: a label has no colon.
		return w.single.contain(host, port)
	}
	for _, length := range w.lengths {
		dot := len(host) - length - 1
		if dot < first {
			return false
		}
		if host[dot] != '.' {
			continue
		}
		p := w.parents[host[dot+1:]]
		if p != nil && (p.subdomains.has(port) || dot == first && p.labels.contain(host[:dot], port)) {
			return true
		}
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
	if p.list == nil {
		p.list = make(map[string]struct{})
	}
	p.list[port] = struct{}{}
}

func (p *ports) has(port string) bool {
	if p.any {
		return true
	}
	_, ok := p.list[port]
	return ok
}
