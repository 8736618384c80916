package fetch

import (
	"context"
	"net/http"
	"strings"
)

// What a browser sends.

// Plan is how a browser begins with a page's request.
type Plan struct {
	Block          *Block // why it sends nothing; nil if it does
	Asked          Asked  // what the request asks of the server
	SameOrigin     bool   // whether the URL is of the page's own origin, and needs no permission
	NeedsPreflight bool
	Preflight      *http.Request // whether it is needed or not
	Request        *http.Request // what it sends if the preflight passes
}

// Plan returns how a browser begins with the request. The error tells why a script
// cannot make such a request.
func (r Request) Plan(ctx context.Context) (p Plan, err error) {
	f := &fetching{Request: r, result: new(Result)}
	if err = f.construct(); err != nil {
		return p, err
	}
	f.cors = f.current().origin != f.Origin
	asked := f.asked()
	p = Plan{Block: f.unsendable(), Asked: asked, SameOrigin: !f.cors, NeedsPreflight: f.cors && asked.NeedsPreflight()}
	if p.Preflight, err = f.newRequest(ctx, true); err != nil {
		return p, err
	}
	p.Request, err = f.newRequest(ctx, false)
	return p, err
}

// userAgent says who asks.
const userAgent = "Mozilla/5.0 (compatible; caddy-cors)"

// newRequest returns the request to the current URL, or its preflight.
func (f *fetching) newRequest(ctx context.Context, preflight bool) (*http.Request, error) {
	method := f.Method
	if preflight {
		method = http.MethodOptions
	}
	r, err := http.NewRequestWithContext(ctx, method, f.current().String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header = f.header(preflight)
	return r, nil
}

// header returns the header of the request, or that of its preflight.
func (f *fetching) header(preflight bool) http.Header {
	asked, h := f.asked(), make(http.Header)
	switch {
	case preflight:
		h.Set("Access-Control-Request-Method", asked.Method)
		if len(asked.UnsafeNames) > 0 {
			h.Set("Access-Control-Request-Headers", strings.Join(asked.UnsafeNames, ","))
		}
	default:
		for _, header := range f.Header {
			h.Add(header.Name, header.Value)
		}
		// Cookies go by host, whatever the scheme and the port.
		if f.Cookie != "" && (f.Credentials || !f.cors) && f.current().Hostname() == f.places[0].Hostname() {
			h.Set("Cookie", f.Cookie)
		}
	}
	for name, value := range map[string]string{"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br, zstd", "User-Agent": userAgent} {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
	if f.cors || f.Method != http.MethodGet && f.Method != http.MethodHead {
		h.Set("Origin", asked.Origin)
	}
	f.setMetadata(h)
	return h
}

// setMetadata adds what tells a server where a request comes from: Referer by the
// default policy, and, over TLS and to this machine, Sec-Fetch-*.
func (f *fetching) setMetadata(h http.Header) {
	current := f.current()
	if strings.Contains(f.Origin, "://") && (!current.insecure || !strings.HasPrefix(f.Origin, "https:")) {
		h.Set("Referer", f.Origin+"/")
	}
	if !current.insecure {
		h.Set("Sec-Fetch-Site", fetchSite(f.Origin, f.places))
		h.Set("Sec-Fetch-Mode", "cors")
		h.Set("Sec-Fetch-Dest", "empty")
	}
}
