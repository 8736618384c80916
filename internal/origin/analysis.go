package origin

import (
	"math/bits"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// Analysis is what can be told of the well-formed origins that a regular expression
// matches. It errs to one side: what it says of hosts holds for every match, and what
// is too much to tell is said to be unknown.
type Analysis struct {
	// Impossible means that the expression matches no well-formed origin.
	Impossible bool
	// Hosts are the hosts of all matches, and HTTPHosts those of the matches whose
	// scheme is http.
	Hosts, HTTPHosts Hosts
}

// Hosts is a set of hosts.
type Hosts struct {
	// Known means that each of the hosts is in Names or has one of the Domains above
	// it: no stranger can get a host of the set.
	Known bool
	// Names are whole hosts, such as "app.example.com" and "localhost".
	Names []string
	// Domains have hosts of the set below them, such as "example.com": registrable
	// domains and names below these, as far as they are the owner's
	// ([suffix.Owned]), and "localhost".
	Domains []string
}

// Loopback reports whether the hosts are known and all of them always this machine.
func (h Hosts) Loopback() bool {
	stranger := func(host string) bool { return !isLoopback(host) }
	return h.Known && !slices.ContainsFunc(h.Names, stranger) && !slices.ContainsFunc(h.Domains, stranger)
}

// Bounds of an analysis. An expression that exceeds one is said to match any host.
const (
	maxNodes   = 30_000
	maxEndings = 1_000
)

// Analyze analyses a regular expression that [CompileRegexp] compiles.
//
// It runs the program of the expression (an automaton) side by side with one of the
// grammar of origins, and keeps the pairs of states that some origin reaches. From
// where both accept, it then reads backwards: over a port, then over the host, which
// is spelled out until it is complete or a domain with a single owner and the dot
// ahead of it were read. A class of many characters before that, as in
// "[a-z]+\.com", means that the host is unknown.
func Analyze(expr string) Analysis {
	prog, err := parseProg(expr)
	if err != nil {
		return Analysis{}
	}
	g := newGraph(prog)
	if g == nil {
		return Analysis{}
	}
	all, http := g.accepting(-1), g.accepting(slices.Index(knownSchemes[:], "http"))
	return Analysis{Impossible: len(all) == 0, Hosts: g.hosts(all), HTTPHosts: g.hosts(http)}
}

// graph is the product of a regular expression's program and the grammar: the pairs
// of their states that the beginning of some origin reaches.
type graph struct {
	prog  *syntax.Prog
	nodes []graphNode
	index map[pair]int
}

type pair struct {
	pc uint32
	at where
}

type graphNode struct {
	pair
	before []edge // what leads to it
}

// edge leads from a node over one of several characters, or over none.
type edge struct {
	from int
	over charset
}

// newGraph builds the graph, or returns nil if it is too large.
func newGraph(prog *syntax.Prog) *graph {
	g := &graph{prog: prog, index: make(map[pair]int)}
	g.add(pair{uint32(prog.Start), where{}})
	over := make(map[uint32]charset)
	steps := make(map[where][]step)
	for i := 0; i < len(g.nodes); i++ {
		if len(g.nodes) > maxNodes {
			return nil
		}
		n := g.nodes[i].pair
		inst := &prog.Inst[n.pc]
		switch inst.Op {
		case syntax.InstMatch, syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			g.connect(i, 0, pair{inst.Out, n.at})
			g.connect(i, 0, pair{inst.Arg, n.at})
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			g.connect(i, 0, pair{inst.Out, n.at}) // an assertion only takes matches away
		default:
			set, ok := over[n.pc]
			if !ok {
				set = charsOf(inst)
				over[n.pc] = set
			}
			if _, ok := steps[n.at]; !ok {
				steps[n.at] = n.at.steps()
			}
			for _, s := range steps[n.at] {
				if both := set & s.over; both != 0 {
					g.connect(i, both, pair{inst.Out, s.to})
				}
			}
		}
	}
	return g
}

// charsOf returns the characters of an origin that an instruction reads.
func charsOf(inst *syntax.Inst) (set charset) {
	for i, c := range originChars {
		if c != 0 && (inst.Op == syntax.InstRuneAny || inst.Op == syntax.InstRuneAnyNotNL || inst.MatchRune(c)) {
			set |= 1 << i
		}
	}
	return set
}

func (g *graph) add(p pair) int {
	i, ok := g.index[p]
	if !ok {
		i = len(g.nodes)
		g.index[p] = i
		g.nodes = append(g.nodes, graphNode{pair: p})
	}
	return i
}

func (g *graph) connect(from int, over charset, p pair) {
	to := g.add(p)
	g.nodes[to].before = append(g.nodes[to].before, edge{from, over})
}

// accepting returns the nodes in which an origin may end, of one known scheme or, if
// it is negative, of all schemes.
func (g *graph) accepting(known int) (ends []int) {
	for i, n := range g.nodes {
		if g.prog.Inst[n.pc].Op == syntax.InstMatch && n.at.accepts() && (known < 0 || int(n.at.known) == known) {
			ends = append(ends, i)
		}
	}
	return ends
}

// ending is how a host may end, and the nodes from which an origin with this ending
// goes on to be accepted.
type ending struct {
	text  string
	nodes []int
}

// hosts spells out the hosts of the origins that end in these nodes.
func (g *graph) hosts(ends []int) Hosts {
	h := Hosts{Known: true}
	pending := []ending{{"", g.skipBack(ends)}}
	for spelled := 0; len(pending) > 0; spelled++ {
		e := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if domain, ok := strings.CutPrefix(strings.TrimSuffix(e.text, "."), "."); ok && owned(domain) {
			h.Domains = append(h.Domains, domain)
			continue
		}
		longer, ok := g.lengthen(e, &h)
		if !ok || spelled > maxEndings || len(e.text) > maxHostLength+1 {
			return Hosts{}
		}
		pending = append(pending, longer...)
	}
	return h
}

// owned reports whether nobody but its owner has hosts below a domain.
func owned(domain string) bool {
	return domain == "localhost" || suffix.Owned(domain) && !endsInNumber(domain)
}

// lengthen returns the endings that are one character longer than e, and notes e if
// it is a whole host. It reports false if there is a class among these characters.
func (g *graph) lengthen(e ending, h *Hosts) ([]ending, bool) {
	var before [len(originChars)][]int
	whole := false
	for _, n := range e.nodes {
		at := g.nodes[n].at.phase
		whole = whole || at == beforeHost
		if at <= beforeHost || at >= beforePort {
			continue
		}
		for _, edge := range g.nodes[n].before {
			if edge.over.wide() {
				return nil, false
			}
			for set := edge.over; set != 0; set &= set - 1 {
				c := bits.TrailingZeros64(uint64(set))
				before[c] = append(before[c], edge.from)
			}
		}
	}
	if whole {
		h.Names = append(h.Names, e.text)
	}
	var longer []ending
	for c, nodes := range before {
		if nodes != nil {
			longer = append(longer, ending{originChars[c:c+1] + e.text, g.skipBack(nodes)})
		}
	}
	return longer, true
}

// skipBack adds to nodes those from which they are reached over nothing, or over a
// port.
func (g *graph) skipBack(nodes []int) []int {
	seen := make(map[int]bool)
	var all []int
	for pending := slices.Clone(nodes); len(pending) > 0; {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		all = append(all, n)
		for _, edge := range g.nodes[n].before {
			if edge.over == 0 || g.nodes[n].at.phase >= beforePort {
				pending = append(pending, edge.from)
			}
		}
	}
	return all
}
