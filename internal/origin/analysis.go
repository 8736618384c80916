package origin

import (
	"math/bits"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// Analysis is what can be told of the well-formed origins that a regular expression
// matches. It errs to one side: what it says of hosts holds for every match, and what
// cannot be told is said to be unknown.
type Analysis struct {
	regexp *Regexp
	prog   *syntax.Prog
	graph  *graph // nil if it is too large
}

// Hosts is a set of hosts.
type Hosts struct {
	// Known means that each host of the set is spelled out, or ends in a domain that
	// is, below which only its owner has hosts.
	Known bool
	// TooLarge means that the hosts are unknown because the expression is too large.
	TooLarge bool
	// Ends are what unknown hosts end in, such as ".com", each as far as a class ahead of
	// it. An address whose last number is a class is not among them.
	Ends []string

	names   []string // whole hosts
	domains []string // what hosts end in, behind a dot
}

// Loopback reports whether the hosts are known and all of them always this machine.
func (h Hosts) Loopback() bool {
	stranger := func(host string) bool { return !IsLoopback(host) }
	return h.Known && !slices.ContainsFunc(h.names, stranger) && !slices.ContainsFunc(h.domains, stranger)
}

// Bounds of an analysis.
const (
	maxNodes  = 30_000    // of the graph
	maxVisits = 1_000_000 // to nodes, while the hosts are spelled out
)

// Analyze analyses the expression.
//
// It runs the program of the expression (an automaton) side by side with one of the
// grammar of origins, and keeps the pairs of states that some origin reaches.
func (r *Regexp) Analyze() *Analysis {
	parsed, err := syntax.Parse(markClasses(r.expr), syntax.Perl)
	if err != nil { // the marks made it too large
		return &Analysis{regexp: r, prog: new(syntax.Prog)}
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return &Analysis{regexp: r, prog: new(syntax.Prog)}
	}
	return &Analysis{r, prog, newGraph(prog)}
}

// Size returns how many instructions the program of the expression has. A match may
// run through all of them for each byte of an origin.
func (a *Analysis) Size() int { return len(a.prog.Inst) }

// Impossible reports whether the expression matches no well-formed origin that a page
// can have. It may say false all the same.
func (a *Analysis) Impossible() bool {
	literal, complete := a.regexp.literal()
	if scheme, _, ok := strings.Cut(literal, schemeSeparator); ok && checkScheme(scheme, scheme, "") != nil {
		return true // no page has it
	}
	if complete {
		o, wellFormed := Parse(literal)
		return !wellFormed || o.Opaque()
	}
	return a.graph != nil && len(a.graph.accepting("")) == 0
}

// Hosts returns the hosts of the origins that the expression matches, of one scheme,
// which is http or https, or of all if it is "".
//
// From where an origin may end, it reads backwards: over a port, then over the host,
// which it spells out until that is complete, or until a domain with a single owner
// and the dot ahead of it were read. A class ahead of that, as in "[a-z]+\.com", means
// that the host is unknown.
func (a *Analysis) Hosts(scheme string) Hosts {
	if a.graph == nil {
		prefix, _ := a.regexp.literal()
		other := scheme != "" && strings.Contains(prefix, schemeSeparator) && !strings.HasPrefix(prefix, scheme+schemeSeparator)
		return Hosts{Known: other, TooLarge: !other}
	}
	// Hosts that are spelled out have about as many characters as the expression.
	return a.graph.hosts(a.graph.accepting(scheme), 2*len(a.regexp.expr)+64)
}

// classMark is a character of no origin. It marks the classes that the source of an
// expression has, as the parser makes one of the alternatives in "(?:de|dk)", too.
const classMark = "\ue000"

// markClasses adds the mark to the classes of expr.
func markClasses(expr string) string {
	var marked strings.Builder
	for _, p := range pieces(expr) {
		if p.kind == pieceClass || p.kind == pieceEscapeClass {
			marked.WriteString("(?:" + p.text + "|" + classMark + ")") // which the parser makes one class of
		} else {
			marked.WriteString(p.text)
		}
	}
	return marked.String()
}

// graph is the product of a regular expression's program and the grammar: the pairs
// of their states that the beginning of some origin reaches.
type graph struct {
	prog  *syntax.Prog
	nodes []graphNode
	index map[pair]int

	visits  int // to nodes, while hosts are spelled out
	visited []int
	visit   int // what is visited now
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
	from  int
	over  charset
	class bool // whether a class, and not a letter or alternatives, stands for them
}

// newGraph builds the graph, or returns nil if it is too large.
func newGraph(prog *syntax.Prog) *graph {
	g := &graph{prog: prog, index: make(map[pair]int)}
	g.add(pair{uint32(prog.Start), where{}})
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
			g.connect(edge{from: i}, pair{inst.Out, n.at})
			g.connect(edge{from: i}, pair{inst.Arg, n.at})
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			g.connect(edge{from: i}, pair{inst.Out, n.at}) // an assertion only takes matches away
		default:
			if _, ok := steps[n.at]; !ok {
				steps[n.at] = n.at.steps()
			}
			set, class := charsOf(inst)
			for _, s := range steps[n.at] {
				if both := set & s.over; both != 0 {
					g.connect(edge{i, both, class}, pair{inst.Out, s.to})
				}
			}
		}
	}
	g.visited = make([]int, len(g.nodes))
	return g
}

// charsOf returns the characters of an origin that an instruction reads, and whether it
// is a class of several.
func charsOf(inst *syntax.Inst) (set charset, class bool) {
	if inst.Op == syntax.InstRuneAny || inst.Op == syntax.InstRuneAnyNotNL {
		return 1<<len(originChars) - 1, true
	}
	for i, c := range originChars {
		if inst.MatchRune(c) {
			set |= 1 << i
		}
	}
	mark, _ := utf8.DecodeRuneInString(classMark)
	return set, bits.OnesCount64(uint64(set)) > 1 && inst.MatchRune(mark)
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

func (g *graph) connect(e edge, p pair) {
	to := g.add(p)
	g.nodes[to].before = append(g.nodes[to].before, e)
}

// accepting returns the nodes in which an origin may end, of one scheme, or of all if
// it is "".
func (g *graph) accepting(scheme string) (ends []int) {
	for i, n := range g.nodes {
		if g.prog.Inst[n.pc].Op == syntax.InstMatch && n.at.accepts() && (scheme == "" || knownSchemes[n.at.known] == scheme) {
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

// hosts spells out the hosts of the origins that end in these nodes, up to a limit of
// characters; endings that hosts share count once.
func (g *graph) hosts(ends []int, limit int) Hosts {
	h := Hosts{Known: true}
	g.visits = 0
	pending := []ending{{"", g.skipBack(ends)}}
	for spelled := 0; len(pending) > 0; spelled++ {
		e := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if domain, ok := strings.CutPrefix(strings.TrimSuffix(e.text, "."), "."); ok && owned(domain) {
			h.domains = append(h.domains, domain)
			continue
		}
		longer, whole, class := g.lengthen(e)
		if whole {
			h.names = append(h.names, e.text)
		}
		if class != 0 {
			h.Known = false
			if e.text != "" || class&^digits != 0 { // no domain ends in a digit
				h.Ends = append(h.Ends, e.text)
			}
			continue
		}
		if spelled > limit || g.visits > maxVisits {
			return Hosts{TooLarge: true}
		}
		pending = append(pending, longer...)
	}
	return h
}

// owned reports whether nobody but its owner has hosts below a domain.
func owned(domain string) bool {
	return domain == "localhost" || suffix.Owned(domain) && !endsInNumber(domain)
}

// lengthen returns the endings that are one character longer than e, and whether e is
// a whole host. If there are classes among these characters, it returns what they stand
// for instead.
func (g *graph) lengthen(e ending) (longer []ending, whole bool, class charset) {
	var before [len(originChars)][]int
	for _, n := range e.nodes {
		at := g.nodes[n].at.phase
		whole = whole || at == beforeHost
		if at <= beforeHost || at >= beforePort {
			continue
		}
		for _, edge := range g.nodes[n].before {
			if edge.class {
				class |= edge.over
			}
			for set := edge.over; set != 0; set &= set - 1 {
				c := bits.TrailingZeros64(uint64(set))
				before[c] = append(before[c], edge.from)
			}
		}
	}
	if class != 0 {
		return nil, whole, class
	}
	for c, nodes := range before {
		if nodes != nil {
			longer = append(longer, ending{originChars[c:c+1] + e.text, g.skipBack(nodes)})
		}
	}
	return longer, whole, 0
}

// skipBack adds to nodes those from which they are reached over nothing, or over a
// port.
func (g *graph) skipBack(nodes []int) []int {
	g.visit++
	var all []int
	for pending := slices.Clone(nodes); len(pending) > 0; {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if g.visited[n] == g.visit {
			continue
		}
		g.visited[n] = g.visit
		g.visits++
		all = append(all, n)
		for _, edge := range g.nodes[n].before {
			if edge.over == 0 || g.nodes[n].at.phase >= beforePort {
				pending = append(pending, edge.from)
			}
		}
	}
	return all
}
