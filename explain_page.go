package caddycors

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// pageRequest is a request that a page's script makes.
type pageRequest struct {
	origin origin.Origin
	url    *url.URL // of the server, as browsers normalise it
	method string
	header http.Header // what the script sets
}

// clientAddress stands for the browser's, which nothing tells (RFC 5737).
const clientAddress = "192.0.2.1"

// newPageRequest reads what the command is given. The errors say what to write.
func newPageRequest(rawURL, from, method string, headers []string) (pageRequest, error) {
	var p pageRequest
	var err error
	if p.origin, err = parsePageOrigin(from); err != nil {
		return p, fmt.Errorf("--origin %s: %w", quoted(from), err)
	}
	if p.url, err = parsePageURL(rawURL); err != nil {
		return p, fmt.Errorf("the URL %s: %w", quoted(rawURL), err)
	}
	if !fetch.IsToken(method) {
		return p, fmt.Errorf("--method %s: this is not a method name", quoted(method))
	}
	if fetch.IsForbiddenMethod(method) {
		return p, fmt.Errorf("--method %s: browsers let no page send this method", quoted(method))
	}
	p.method = fetch.NormalizeMethod(method)
	p.header = make(http.Header)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !fetch.IsToken(name):
			return p, fmt.Errorf("--header %s: this is not the name of a header; write it like %q or %q", quoted(line), "X-Token", "X-Token: value")
		case fetch.IsForbiddenRequestHeader(name):
			return p, fmt.Errorf("--header %s: browsers let no page set this header; take it out", quoted(line))
		case value == "" && strings.EqualFold(name, headerContentType):
			value = "application/json" // what needs leave, as other values may not
		}
		p.header.Add(name, value)
	}
	return p, nil
}

// parsePageOrigin reads the origin of a page.
func parsePageOrigin(s string) (origin.Origin, error) {
	o, ok := origin.Parse(s)
	if ok {
		return o, nil
	}
	pattern, err := origin.ParsePattern(s)
	if refused := new(origin.PatternError); errors.As(err, &refused) && refused.Fix == "" && refused.Advice == "" {
		return o, fmt.Errorf("%s; %s", refused.Reason, exampleOrigin)
	}
	if err != nil {
		return o, err
	}
	if _, ok := origin.Parse(pattern.String()); !ok {
		return o, errors.New("a page has one origin, and this is a pattern; " + exampleOrigin)
	}
	return o, fmt.Errorf("browsers send it in another form; write %q", pattern)
}

// parsePageURL reads the URL that the page requests, and normalises its host.
func parsePageURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		return nil, fmt.Errorf("a URL starts with a scheme; write %s", quoted("https://"+strings.TrimLeft(s, "/")))
	}
	u, err := url.Parse(s)
	if refused := new(url.Error); errors.As(err, &refused) {
		return nil, refused.Err
	}
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it is not one of http:// or https://, which Caddy serves")
	case u.Hostname() == "":
		return nil, errors.New(`it has no host; write it like "https://api.example.com/items"`)
	case u.User != nil:
		return nil, errors.New("browsers let no page request a URL with a user name; take it out")
	}
	host := strings.ToLower(u.Hostname())
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != origin.DefaultPort(u.Scheme) {
		host += ":" + port
	}
	u.Host, u.Fragment, u.RawFragment = host, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// sameOrigin reports whether the page has the origin of the URL, so that it needs
// nobody's leave.
func (p pageRequest) sameOrigin() bool {
	return p.origin.String() == p.url.Scheme+"://"+p.url.Host
}

// unsafeHeaders returns the names that a preflight asks for, in lower case and sorted
// (Fetch, "CORS-unsafe request-header names").
func (p pageRequest) unsafeHeaders() []string { return unsafeHeaderNames(p.header) }

// needsPreflight reports whether browsers ask before they send the request (Fetch,
// HTTP fetch, step 3.2).
func (p pageRequest) needsPreflight() bool {
	return !p.sameOrigin() && (!fetch.IsSafelistedMethod(p.method) || len(p.unsafeHeaders()) > 0)
}

// preflight returns the request by which browsers ask.
func (p pageRequest) preflight() *http.Request {
	r := p.request(http.MethodOptions)
	r.Header.Set(headerRequestMethod, p.method)
	if names := p.unsafeHeaders(); len(names) > 0 {
		r.Header.Set(headerRequestHeaders, strings.Join(names, ","))
	}
	return r
}

// actual returns the request itself.
func (p pageRequest) actual() *http.Request {
	r := p.request(p.method)
	for name, values := range p.header {
		r.Header[name] = slices.Clone(values)
	}
	if p.sameOrigin() && (p.method == http.MethodGet || p.method == http.MethodHead) {
		r.Header.Del(headerOrigin) // Fetch, "append a request Origin header"
	}
	return r
}

// request returns a request as a server gets it.
func (p pageRequest) request(method string) *http.Request {
	r := &http.Request{
		Method:     method,
		URL:        &url.URL{Path: p.url.Path, RawPath: p.url.RawPath, RawQuery: p.url.RawQuery},
		RequestURI: p.url.RequestURI(),
		Host:       p.url.Host,
		RemoteAddr: clientAddress + ":50000",
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"Mozilla/5.0"}, headerOrigin: {p.origin.String()}},
		Body:   http.NoBody,
	}
	if p.url.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: p.url.Hostname()}
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	}
	if p.url.Scheme == "https" || isLoopback(p.url.Hostname()) {
		r.Header.Set(headerSecFetchSite, p.site())
		r.Header.Set(headerSecFetchMode, "cors")
	}
	return r
}

// site returns the value of Sec-Fetch-Site (Fetch Metadata, "set the Sec-Fetch-Site
// header"). Browsers send it to origins that are trustworthy.
func (p pageRequest) site() string {
	switch {
	case p.sameOrigin():
		return "same-origin"
	case p.origin.Scheme() != p.url.Scheme:
		return "cross-site"
	case p.origin.Host() == p.url.Hostname():
		return "same-site"
	}
	page, err := publicsuffix.EffectiveTLDPlusOne(p.origin.Host())
	server, serverErr := publicsuffix.EffectiveTLDPlusOne(p.url.Hostname())
	if err == nil && serverErr == nil && page == server {
		return "same-site"
	}
	return "cross-site"
}

// mixedContent reports whether browsers send no such request, as it would be in clear
// text and the page is not (Mixed Content, 4.4).
func (p pageRequest) mixedContent() bool {
	return p.origin.Scheme() == "https" && p.url.Scheme == "http" && !isLoopback(p.url.Hostname())
}

// isLoopback reports whether a host is this machine, which browsers trust without TLS.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
