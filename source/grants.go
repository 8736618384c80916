package source

import (
	"container/list"
	"time"
)

// grant is the answer that an origin is allowed.
type grant struct {
	again time.Duration // when to ask again, as [uptime] has it
	until time.Duration // when it counts no more
}

// grants are the answers that allow origins, of which a bounded number is kept. Where there
// is one too many, the origin with the most hosts loses that which it used the longest ago;
// of several with as many, the one that was used the longest ago does.
//
// So an origin that is allowed, and sent with as many hosts as somebody likes, pushes out
// no more than its own: also if it was there first, and took what was free.
type grants struct {
	most    int
	known   map[question]*list.Element // an *allowedHost each, in the hosts of its origin
	origins map[string]*allowedOrigin
	bySize  map[int]*list.List // an *allowedOrigin each, by how many hosts they have
	largest int                // of these numbers
}

// allowedOrigin is an origin with its hosts. As all lists here, these begin with what was
// used last.
type allowedOrigin struct {
	hosts list.List
	size  int           // by which it is in a list of origins
	place *list.Element // there
}

// allowedHost is a host of an origin.
type allowedHost struct {
	question
	grant
	of *allowedOrigin
}

func newGrants(most int) *grants {
	return &grants{most: most, known: make(map[question]*list.Element), origins: make(map[string]*allowedOrigin), bySize: make(map[int]*list.List)}
}

// Len returns how many answers there are.
func (g *grants) Len() int { return len(g.known) }

// Peek returns an answer.
func (g *grants) Peek(q question) (grant, bool) {
	if e := g.known[q]; e != nil {
		return e.Value.(*allowedHost).grant, true
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
func (g *grants) use(e *list.Element) *allowedHost {
	host := e.Value.(*allowedHost)
	host.of.hosts.MoveToFront(e)
	g.bySize[host.of.size].MoveToFront(host.of.place)
	return host
}

// Add keeps an answer.
func (g *grants) Add(q question, answer grant) {
	if e := g.known[q]; e != nil {
		g.use(e).grant = answer
		return
	}
	o := g.origins[q.origin]
	if o == nil {
		o = new(allowedOrigin)
		g.origins[q.origin] = o
	}
	e := o.hosts.PushFront(&allowedHost{q, answer, o})
	g.known[q] = e
	g.rank(q.origin, o)
	g.use(e)
	if len(g.known) > g.most {
		loser := g.bySize[g.largest].Back().Value.(*allowedOrigin)
		g.Remove(loser.hosts.Back().Value.(*allowedHost).question)
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
	o := e.Value.(*allowedHost).of
	o.hosts.Remove(e)
	g.rank(q.origin, o)
}

// rank puts an origin that has a host more than before, or one less, among those with as
// many, of which it counts as the one that was used the longest ago until it is used.
func (g *grants) rank(name string, o *allowedOrigin) {
	if peers := g.bySize[o.size]; peers != nil {
		peers.Remove(o.place)
		if peers.Len() == 0 {
			delete(g.bySize, o.size)
			if o.size == g.largest {
				g.largest-- // where this origin goes, unless it grows
			}
		}
	}
	o.size = o.hosts.Len()
	if o.size == 0 {
		delete(g.origins, name)
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
