package origin

import (
	"cmp"
	"slices"
	"strings"
)

// Set is a compiled list of patterns. What a look-up costs depends on the length of
// the origin, and not on how many exact or subdomain patterns the set holds. The zero
// value is an empty set. A set may be read by many goroutines once it is no longer
// added to.
type Set struct {
	any      bool
	exact    map[string]struct{}  // whole origins
	anyPort  map[string]struct{}  // origins without their port
	wildcard map[string]*wildcard // by scheme
}

// wildcard holds the patterns of one scheme that leave the host open.
type wildcard struct {
	anyHost ports
	root    node
}

// node is a place in the tree of labels, read from the right: the node of
// "example.com" is the child "example" of the child "com" of the root.
type node struct {
	children   map[string]*node
	subdomains ports // of the pattern "*." before this node
	labels     labels
}

// labels are the patterns with "*" inside the label before a node. Those of one shape
// are found by one look-up, so that only the number of shapes counts.
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
			w = new(wildcard)
			s.wildcard[p.scheme] = w
		}
		w.add(p)
	}
}

// Any reports whether the set holds "*", which every origin matches, malformed ones
// too.
func (s *Set) Any() bool { return s.any }

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
	if p.kind == kindAnyHost {
		w.anyHost.add(p.port)
		return
	}
	first, parent, _ := strings.Cut(p.host, ".")
	n := &w.root
	for parent != "" {
		var name string
		parent, name = cutLastLabel(parent)
		n = n.child(name)
	}
	if p.kind == kindSubdomain {
		n.subdomains.add(p.port)
		return
	}
	prefix, suffix, _ := strings.Cut(first, "*")
	n.labels.add(affixes{prefix, suffix}, p.port)
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

// contains walks the labels of host from the right, each of them once.
func (w *wildcard) contains(host, port string) bool {
	if w.anyHost.has(port) {
		return true
	}
	// An IPv6 address has no dot, and as a label it matches nothing: a pattern for a
	// label has no colon.
	for n, rest := &w.root, host; n != nil; {
		if n.subdomains.has(port) {
			return true
		}
		parent, name := cutLastLabel(rest)
		if parent == "" {
			// A trailing dot is no part of the label: "dev-1." is not matched by "dev-*".
			return !strings.HasSuffix(name, ".") && n.labels.contain(name, port)
		}
		n, rest = n.children[name], parent
	}
	return false
}

func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	c := n.children[name]
	if c == nil {
		c = new(node)
		n.children[name] = c
	}
	return c
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

// cutLastLabel splits "a.b.c" into "a.b" and "c", and "c" into "" and "c". A trailing
// dot counts with the label it follows, so "c." and "c" are two labels.
func cutLastLabel(host string) (rest, label string) {
	i := strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')
	if i < 0 {
		return "", host
	}
	return host[:i], host[i+1:]
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
