package caddycors

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// pageRequest is a request that a page's script makes, and what the browser makes of it.
type pageRequest struct {
	fetch.Plan
	origin      origin.Origin // of the page
	url         *url.URL      // of the server
	credentials bool
}

// clientAddress stands for the browser's, which nothing tells (RFC 5737).
const clientAddress = "192.0.2.1"

// newPageRequest reads what the command is given. The errors say what to write.
func newPageRequest(flags pageFlags, rawURL string) (p pageRequest, err error) {
	r, err := flags.request(rawURL)
	if err != nil {
		return p, err
	}
	for _, h := range r.Header {
		if fetch.IsForbiddenRequestHeader(h.Name) {
			return p, fmt.Errorf("--header %s: browsers let no page set this header; take it out", quoted(h.Name))
		}
	}
	p = pageRequest{url: r.URL, credentials: r.Credentials}
	p.origin, _ = origin.Parse(r.Origin) // it was read before
	p.Plan, err = r.Plan(context.Background())
	return p, err
}

// served returns a request of the browser as a server gets it.
func (p pageRequest) served(sent *http.Request) *http.Request {
	r := &http.Request{
		Method:     sent.Method,
		URL:        &url.URL{Path: p.url.Path, RawPath: p.url.RawPath, RawQuery: p.url.RawQuery},
		RequestURI: p.url.RequestURI(),
		Host:       p.url.Host,
		RemoteAddr: clientAddress + ":50000",
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: sent.Header.Clone(),
		Body:   http.NoBody,
	}
	if p.url.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: p.url.Hostname()}
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	}
	return r
}
