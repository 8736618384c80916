package source

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestGrantsAreFair shows which answer goes where there is one too many.
func TestGrantsAreFair(t *testing.T) {
	for name, test := range map[string]struct {
		most int
		uses string // "a1" is host 1 of origin a; what is not known is added, and "-a1" forgotten
		want string
	}{
		"there is room":                            {4, "a1 a2 b1 c1", "a1 a2 b1 c1"},
		"one origin: its oldest host":              {2, "a1 a2 a3", "a2 a3"},
		"one origin: not the host that was used":   {2, "a1 a2 a1 a3", "a1 a3"},
		"one host each: the oldest origin":         {3, "a1 b1 c1 d1", "b1 c1 d1"},
		"one host each: not the one that was used": {3, "a1 b1 c1 a1 d1", "a1 c1 d1"},
		"the one with the most, as it grows":       {3, "b1 c1 a1 a2 a3", "a3 b1 c1"},
		"the one with the most, though it is used": {3, "a1 a2 b1 a1 a2 c1", "a2 b1 c1"},
		"the one with the most, which was first":   {4, "a1 a2 a3 a4 b1 c1", "a3 a4 b1 c1"},
		"who has no more than others is no loser":  {4, "a1 b1 a2 b2 a1 a2 c1", "a1 a2 b2 c1"},
		"in turn":                        {4, "a1 a2 b1 b2 c1 d1", "a2 b2 c1 d1"},
		"the share gets smaller":         {4, "a1 a2 a3 a4 b1 c1 d1 e1", "b1 c1 d1 e1"},
		"what is forgotten makes room":   {3, "a1 a2 b1 -a1 c1", "a2 b1 c1"},
		"all of an origin is forgotten":  {2, "a1 a2 -a1 -a2 b1 c1 c2", "b1 c2"},
		"what is not known is forgotten": {2, "-a1 a1 b1 -a2", "a1 b1"},
		"who lost one counts as unused":  {4, "b1 a1 a2 a3 c1 d1 e1", "b1 c1 d1 e1"},
		"one alone":                      {1, "a1 b1 a1 a2 c1", "c1"},
	} {
		g := newGrants(test.most)
		for _, use := range strings.Fields(test.uses) {
			if forgotten, is := strings.CutPrefix(use, "-"); is {
				g.Remove(question{forgotten[:1], forgotten[1:]})
				continue
			}
			q := question{use[:1], use[1:]}
			if _, known := g.Get(q); !known {
				g.Add(q, grant{})
			}
		}
		var got []string
		for q := range g.known {
			got = append(got, q.origin+q.host)
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %s are known, want %s", name, got, test.want)
		}
	}
}

// TestGrantsOfManyPorts shows that the ports of a host, and its schemes, are of one owner.
func TestGrantsOfManyPorts(t *testing.T) {
	g := newGrants(4)
	for _, o := range []string{a, b, "https://c.example:1", "https://c.example:2", "http://c.example", "app://c.example"} {
		g.Add(question{o, "api.example"}, grant{})
	}
	for _, o := range []string{a, b, "http://c.example", "app://c.example"} {
		if _, ok := g.Get(question{o, "api.example"}); !ok {
			t.Errorf("%s is not known", o)
		}
	}
}

// TestGrantsAgree shows that what is noted in several places stays the same in all of them,
// whatever comes, and that an answer is what was answered last.
func TestGrantsAgree(t *testing.T) {
	const most = 20
	random := rand.New(rand.NewPCG(1, 2))
	g, last := newGrants(most), make(map[question]grant)
	for i := range 20_000 {
		q := question{strconv.Itoa(random.IntN(1 + random.IntN(15))), strconv.Itoa(random.IntN(8))}
		switch known, ok := g.Peek(q); {
		case ok && known != last[q]:
			t.Fatalf("step %d: the answer is %v, want %v", i, known, last[q])
		case random.IntN(4) == 0:
			g.Remove(q)
		case random.IntN(2) == 0:
			g.Get(q)
		default:
			last[q] = grant{again: uptime()}
			g.Add(q, last[q])
			if known, ok := g.Get(q); !ok || known != last[q] {
				t.Fatalf("step %d: what was added is not known", i)
			}
		}
		hosts, origins, largest := 0, 0, 0
		for size, peers := range g.bySize {
			for e := peers.Front(); e != nil; e = e.Next() {
				o := e.Value.(*owner)
				if o.place != e || o.size != size || o.grants.Len() != size {
					t.Fatalf("step %d: an origin with %d hosts is among those with %d", i, o.grants.Len(), size)
				}
				hosts += size
				origins++
			}
			if peers.Len() == 0 {
				t.Fatalf("step %d: an empty list is kept", i)
			}
			largest = max(largest, size)
		}
		if hosts != g.Len() || hosts > most || origins != len(g.owners) || largest != g.largest {
			t.Fatalf("step %d: %d hosts of %d origins, %d at most; it has %d, %d, %d", i, hosts, origins, largest, g.Len(), len(g.owners), g.largest)
		}
	}
}
