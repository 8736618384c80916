package corstest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// Fault is a page's request, and servers that answer it in a way that is wrong, or in
// one that only looks wrong. What it names of its [Place] stands in braces: "{origin}".
type Fault struct {
	Name string // short, unique, plain words

	// The request that the page's script sends.
	Method      string   // as the script writes it; GET when empty
	URL         string   // "{api}/" when empty
	Headers     []string // lines as in "X-One: 1", in the order in which the script sets them
	Body        string
	Credentials bool // whether the script asks for credentials to be included
	Sandboxed   bool // whether the page is sandboxed: its origin is "null"
	Secure      bool // whether the page was loaded over TLS

	// The servers of {api}, {other} and {tls}.
	API, Other, TLS Server

	// Block is why the page cannot read the response, by the Fetch standard; its rule is
	// empty where it can. What is empty in it is that of the request to {api}; see
	// [Fault.BlockAt].
	Block fetch.Block
	// Engines has the engines that do otherwise, and why the page cannot read the response
	// there.
	Engines map[fetch.Engine]fetch.Block
	// Shown and Hidden are headers of a readable response that the page's script sees, and
	// does not see.
	Shown, Hidden []string
	// Suspect tells that the response is readable, and the server all the same wrong.
	Suspect bool
}

// Place is where the page and the servers of a fault are. Base URLs have no slash at
// their end.
type Place struct {
	Page   string // the origin that the page was loaded from
	Origin string // that of its requests: "null" where the page is sandboxed, else Page
	API    string // base URL of the server that the page asks
	Other  string // base URL of a server of another origin
	TLS    string // base URL of a server that is asked over TLS
}

// Expand fills in what a fault names in braces.
func (p Place) Expand(s string) string {
	page, err := url.Parse(p.Page)
	if err != nil {
		panic(err)
	}
	otherScheme, port := "https", "80"
	if page.Scheme == "https" {
		otherScheme, port = "http", "443"
	}
	return strings.NewReplacer(
		"{origin}", p.Origin,
		"{api}", p.API,
		"{other}", p.Other,
		"{tls}", p.TLS,
		"{other with password}", strings.Replace(p.Other, "://", "://user:password@", 1),
		"{origin of other scheme}", otherScheme+"://"+page.Host,
		"{origin in upper case}", page.Scheme+"://"+strings.ToUpper(page.Host),
		"{origin with default port}", p.Page[:len(page.Scheme)+len("://")]+page.Hostname()+":"+port,
		"{origin without port}", page.Scheme+"://"+page.Hostname(),
	).Replace(s)
}

// Readable reports whether the page can read the response, by the Fetch standard.
func (f Fault) Readable() bool { return f.Block.Rule == "" }

// Preflighted reports whether the fault's block is about the answer to a preflight.
func (f Fault) Preflighted() bool { return f.Block.Preflight }

// URLAt returns the URL that the page asks for.
func (f Fault) URLAt(p Place) string {
	if f.URL == "" {
		return p.API + "/"
	}
	return p.Expand(f.URL)
}

// BlockAt returns why the page cannot read the response, by the Fetch standard, with
// everything filled in; its rule is empty where it can.
func (f Fault) BlockAt(p Place) fetch.Block { return f.fill(f.Block, p) }

// BlockIn is [Fault.BlockAt] for one engine, as it really does.
func (f Fault) BlockIn(e fetch.Engine, p Place) fetch.Block {
	if block, ok := f.Engines[e]; ok {
		return f.fill(block, p)
	}
	return f.BlockAt(p)
}

func (f Fault) fill(b fetch.Block, p Place) fetch.Block {
	if b.Rule == "" {
		return b
	}
	if b.URL == "" {
		b.URL = f.URLAt(p)
	}
	if b.Origin == "" {
		b.Origin = p.Origin
	}
	switch b.Rule {
	case fetch.RuleForbiddenMethod, fetch.RuleBadPort, fetch.RuleMixedContent: // nothing was answered
	default:
		if b.Status == 0 {
			b.Status = http.StatusOK
		}
	}
	b.URL, b.Value, b.Location = p.Expand(b.URL), p.Expand(b.Value), p.Expand(b.Location)
	b.First, b.Page = f.URLAt(p), p.Origin
	return b
}

// Answer is a status and header lines. In the lines, "Access-Control-" is left out.
type Answer struct {
	Status int
	Lines  []string
}

func answer(status int, lines ...string) Answer { return Answer{status, lines} }

// Server has the answers of a server. Of the keys "PUT /path", "/path", "PUT" and "",
// the first that it has is the answer's.
type Server map[string]Answer

// always is a server that answers all requests alike.
func always(status int, lines ...string) Server { return Server{"": answer(status, lines...)} }

// preflight is a server that answers OPTIONS in one way, and all else in another.
func preflight(options, others Answer) Server { return Server{http.MethodOptions: options, "": others} }

func (s Server) handler(p Place) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var found Answer
		for _, key := range []string{r.Method + " " + r.URL.Path, r.URL.Path, r.Method, ""} {
			if a, ok := s[key]; ok {
				found = a
				break
			}
		}
		for _, line := range found.Lines {
			name, value, _ := strings.Cut(p.Expand(line), ": ")
			switch name {
			case "Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age":
				name = "Access-Control-" + name
			}
			w.Header().Add(name, value)
		}
		if found.Status == 0 {
			found.Status = http.StatusNotFound
		}
		w.WriteHeader(found.Status)
		if found.Status != http.StatusNoContent && r.Method != http.MethodHead {
			_, _ = w.Write([]byte("read me\n"))
		}
	})
}

// ServeFaults starts the servers of all faults on loopback, until the test ends, and
// returns where those of a fault are. The pages are of these origins; they need not be
// served.
func ServeFaults(t testing.TB, plainPage, securePage string) func(Fault) Place {
	t.Helper()
	var places []Place
	serve := func(start func(http.Handler) *httptest.Server, of func(Fault) Server) string {
		s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			i := slices.IndexFunc(Faults, func(f Fault) bool { return f.slug() == first })
			if i < 0 {
				http.NotFound(w, r)
				return
			}
			http.StripPrefix("/"+first, of(Faults[i]).handler(places[i])).ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	api := serve(httptest.NewServer, func(f Fault) Server { return f.API })
	other := serve(httptest.NewServer, func(f Fault) Server { return f.Other })
	secure := serve(httptest.NewTLSServer, func(f Fault) Server { return f.TLS })
	for _, f := range Faults {
		page := plainPage
		if f.Secure {
			page = securePage
		}
		origin := page
		if f.Sandboxed {
			origin = "null"
		}
		dir := "/" + f.slug()
		places = append(places, Place{page, origin, api + dir, other + dir, secure + dir})
	}
	return func(f Fault) Place { return places[indexOf(f.Name)] }
}

func indexOf(name string) int {
	return slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
}

// slug is the fault's name as the first part of a path.
func (f Fault) slug() string { return strings.ReplaceAll(f.Name, " ", "-") }
