package source

import (
	"container/list"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// grant is the answer that an origin is allowed.
type grant struct {
	again time.Duration // when to ask again, as [uptime] has it
	until time.Duration // when it counts no more
}

// grants are the answers that allow origins, of which a bounded number is kept. Where there
// is one too many, the owner with the most answers loses that which was used the longest ago;
// of several with as many, it is one that was not used for long, or that lost one before.
//
// So an origin that is allowed, and sent with as many ports, or to as many hosts, as somebody
// likes, pushes out no more than its own: also if it was there first, and took what was free.
// An endpoint that allows all names below a domain cannot be helped.
type grants struct {
	most    int
	known   map[question]*list.Element // an *ownedGrant each, in the list of its owner
	owners  map[string]*owner
	bySize  map[int]*list.List // an *owner each, by how many answers they have
	largest int                // of these numbers
}

// owner is who has the host of an origin, with the answers about it. As all lists here, they
// begin with what was used last.
type owner struct {
	grants list.List
	size   int           // by which it is in a list of owners
	place  *list.Element // there
}

// ownedGrant is an answer of an owner.
type ownedGrant struct {
	question
	grant
	of *owner
}

// ownerOf returns the name of the owner of an origin: its host. Any scheme and port may be
// written before and behind it.
func ownerOf(o string) string {
	if parsed, ok := origin.Parse(o); ok && !parsed.Opaque() {
		return parsed.Host()
	}
	return o
}

func newGrants(most int) *grants {
	return &grants{most: most, known: make(map[question]*list.Element), owners: make(map[string]*owner), bySize: make(map[int]*list.List)}
}

// Len returns how many answers there are.
func (g *grants) Len() int { return len(g.known) }

// Peek returns an answer.
func (g *grants) Peek(q question) (grant, bool) {
	if e := g.known[q]; e != nil {
		return e.Value.(*ownedGrant).grant, true
	}
	return grant{}, false
}

// Get returns an answer that is used.
func (g *grants) Get(q question) (grant, bool) {
	e := g.known[q]
	if e == nil {
		return grant{}, false
	}
	return g.use(e).grant, true
}

// use notes that an answer was used.
func (g *grants) use(e *list.Element) *ownedGrant {
	granted := e.Value.(*ownedGrant)
	granted.of.grants.MoveToFront(e)
	g.bySize[granted.of.size].MoveToFront(granted.of.place)
	return granted
}

// Add keeps an answer.
func (g *grants) Add(q question, answer grant) {
	if e := g.known[q]; e != nil {
		g.use(e).grant = answer
		return
	}
	name := ownerOf(q.origin)
	o := g.owners[name]
	if o == nil {
		o = new(owner)
		g.owners[name] = o
	}
	e := o.grants.PushFront(&ownedGrant{q, answer, o})
	g.known[q] = e
	g.rank(name, o)
	g.use(e)
	if len(g.known) > g.most {
		loser := g.bySize[g.largest].Back().Value.(*owner)
		g.Remove(loser.grants.Back().Value.(*ownedGrant).question)
		g.use(e) // for it may be the loser
	}
}

// Remove forgets an answer.
func (g *grants) Remove(q question) {
	e := g.known[q]
	if e == nil {
		return
	}
	delete(g.known, q)
	o := e.Value.(*ownedGrant).of
	o.grants.Remove(e)
	g.rank(ownerOf(q.origin), o)
}

// rank puts an owner that has an answer more than before, or one less, among those with as
// many, of which it counts as the one that was used the longest ago until it is used.
func (g *grants) rank(name string, o *owner) {
	if peers := g.bySize[o.size]; peers != nil {
		peers.Remove(o.place)
		if peers.Len() == 0 {
			delete(g.bySize, o.size)
			if o.size == g.largest {
				g.largest-- // where this owner goes, unless it grows
			}
		}
	}
	o.size = o.grants.Len()
	if o.size == 0 {
		delete(g.owners, name)
		return
	}
	peers := g.bySize[o.size]
	if peers == nil {
		peers = list.New()
		g.bySize[o.size] = peers
	}
	o.place = peers.PushBack(o)
	g.largest = max(g.largest, o.size)
}
