package corsproxy

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxCacheBytes = 64 << 20 // of a handler
	maxCachedURLs = 10_000
	maxCachedBody = 1 << 20

	// maxVariants is how many responses of one URL are kept, for requests with other headers,
	// as those of other browsers.
	maxVariants = 32

	// bytesOfStored is about what a response takes beside its body and its header, bytesOfField
	// what a name takes beside its bytes, and bytesOfValue what each of its values does.
	bytesOfStored = 1 << 10
	bytesOfField  = 128
	bytesOfValue  = 32
)

// stored is a response of a target as it is passed on. It does not change.
type stored struct {
	response  http.Response // without its body
	body      []byte
	vary      []string  // the request headers that it depends on
	selection string    // what these were
	asked     time.Time // when the target was asked for it
	made      time.Time // when the target made it, by all that is known of its age
	until     time.Time // when it is fresh no more
	size      int
}

// cache has what a handler keeps of its targets' responses, by their URLs. It goes with the
// handler: a config that is loaded starts with an empty one.
//
// Which headers of the config a request got is a part of the key that needs no bytes: for
// all of the handler's life, the URL tells.
type cache struct {
	most time.Duration // for which a response is kept

	mu       sync.Mutex
	variants *simplelru.LRU[string, []*stored] // the newest first; all of them have the same vary
	size     int
	flights  map[string]*flight // by their URL
}

// flight is what is under way to the cache of one URL.
type flight struct {
	requests int
	changed  bool // whether a request may have changed what they get
}

func newCache(most time.Duration) *cache {
	c := &cache{most: most, flights: make(map[string]*flight)}
	c.variants, _ = simplelru.NewLRU(maxCachedURLs, func(_ string, variants []*stored) { // it fails for sizes below 1
		for _, s := range variants {
			c.size -= s.size
		}
	})
	return c
}

// find returns the fresh response to a request, or nil.
func (c *cache) find(url string, header http.Header) *stored {
	c.mu.Lock()
	variants, _ := c.variants.Get(url)
	c.mu.Unlock()
	if len(variants) == 0 {
		return nil
	}
	selection, now := selectionOf(header, variants[0].vary), time.Now()
	for _, s := range variants {
		if s.selection == selection && now.Before(s.until) {
			return s
		}
	}
	return nil
}

// take counts a request whose response may be stored. It has to be left.
func (c *cache) take(url string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.flights[url]
	if !ok {
		f = new(flight)
		c.flights[url] = f
	}
	f.requests++
	return f
}

// leave counts off a request that was taken.
func (c *cache) leave(url string, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.requests--; f.requests == 0 && c.flights[url] == f {
		delete(c.flights, url)
	}
}

// put stores the response to a request that was taken, in place of those that it replaces. One
// that may be older than what is there, or than a change, is not stored.
func (c *cache) put(url string, s *stored, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.changed {
		return
	}
	old, _ := c.variants.Peek(url)
	variants := []*stored{s}
	for _, other := range old {
		same := slices.Equal(other.vary, s.vary)
		if (!same || other.selection == s.selection) && other.asked.After(s.asked) {
			return
		}
		if same && other.selection != s.selection && len(variants) < maxVariants {
			variants = append(variants, other)
		}
	}
	c.variants.Remove(url)
	c.variants.Add(url, variants)
	for _, s := range variants {
		c.size += s.size
	}
	for c.size > maxCacheBytes {
		c.variants.RemoveOldest()
	}
}

// drop removes what is stored of a URL that a request may have changed, and has responses of it
// that are under way not stored.
func (c *cache) drop(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.variants.Remove(url)
	if f, ok := c.flights[url]; ok {
		f.changed = true
		delete(c.flights, url)
	}
}
