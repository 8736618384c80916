package corsproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// What the cache keeps, and for whom: as RFC 9111 lets caches that clients share, and less,
// since targets do not know that several clients share this one.

// What impersonal requests may say of what they want, which all responses to them depend on.
const (
	headerAccept         = "Accept"
	headerAcceptLanguage = "Accept-Language"
	headerUserAgent      = "User-Agent"
)

// maxVary is how many headers a response may depend on.
const maxVary = 20

// impersonal reports whether a request may be answered with a response to another client, and
// the response to it kept for others: a GET without credentials, ranges and conditions, with no
// header that a page needs permission for. Such may be a key, whatever its name. header is what
// of the request targets get.
func impersonal(r *http.Request, header http.Header) bool {
	if r.Method != http.MethodGet || r.Header["Authorization"] != nil || r.Header["Proxy-Authorization"] != nil || r.Header["Cookie"] != nil {
		return false
	}
	for name, values := range header {
		switch name {
		case headerAccept, headerAcceptLanguage:
			if slices.ContainsFunc(values, func(value string) bool {
				return !fetch.IsSafelistedRequestHeader(fetch.Header{Name: name, Value: value})
			}) {
				return false
			}
		case "Cache-Control", "Pragma": // as browsers send them by themselves
			if len(values) != 1 || !slices.Contains([]string{"no-cache", "max-age=0", "no-store"}, values[0]) {
				return false
			}
		case headerUserAgent:
		default:
			return false
		}
	}
	return true
}

// recall returns the response that is kept for a request, or nil. Requests that say how fresh
// it shall be go to the target.
func (e *exchange) recall(asked *http.Request) *http.Response {
	if !e.impersonal || e.header["Cache-Control"] != nil || e.header["Pragma"] != nil {
		return nil
	}
	s := e.cache.find(e.at.String(), e.header)
	if s == nil {
		return nil
	}
	e.cached = true
	response := s.response
	response.Header = s.response.Header.Clone()
	response.Header.Set("Age", strconv.FormatInt(int64(time.Since(s.made)/time.Second), 10))
	response.Body = io.NopCloser(bytes.NewReader(s.body))
	response.Request = asked
	return &response
}

// keep has a response stored once the page got all of it, if it may be.
func (e *exchange) keep(response, passed *http.Response) {
	if !e.impersonal || e.redirected {
		return
	}
	s := e.storable(response, passed)
	if s == nil || e.header.Get("Cache-Control") == "no-store" {
		return
	}
	passed.Body = &recorder{ReadCloser: passed.Body, complete: func(body []byte) {
		s.body = bytes.Clone(body)
		s.size += len(body)
		e.cache.put(e.at.String(), s, e.flight)
	}}
}

// storable returns what is stored of a response, but its body, or nil if a cache that clients
// share may not have it (RFC 9111, section 3). What was asked for with a secret of the config
// is private by now, unless the target said otherwise: [keepPrivate].
func (e *exchange) storable(response, passed *http.Response) *stored {
	h := passed.Header
	said, ok := directives(h)
	switch {
	case !ok, response.StatusCode != http.StatusOK, passed.ContentLength > maxCachedBody,
		said.has("no-store"), said.has("no-cache"), said.has("private"), h["Pragma"] != nil,
		response.Header["Set-Cookie"] != nil, response.Header["Set-Cookie2"] != nil, response.Header["Content-Range"] != nil,
		// Its end is that of the connection: nobody knows whether it is all.
		response.ContentLength < 0 && response.ProtoMajor < 2 && len(response.TransferEncoding) == 0:
		return nil
	}
	now := time.Now()
	age, ok := ageOf(h, e.asked, now)
	if !ok {
		return nil
	}
	fresh := min(lifetime(h, said, now)-age, e.cache.most)
	vary, ok := varyOf(h)
	if !ok || fresh <= 0 {
		return nil
	}
	s := &stored{response: *passed, vary: vary, selection: selectionOf(e.header, vary), asked: e.asked, made: now.Add(-age), until: now.Add(fresh)}
	s.response.Body, s.response.Request, s.response.Header = nil, nil, h.Clone()
	s.size = bytesOfStored + len(e.at.path) + len(e.at.query) + len(s.selection)
	for name, values := range h {
		s.size += bytesOfField + len(name)
		for _, value := range values {
			s.size += bytesOfValue + len(value)
		}
	}
	return s
}

// recorder notes what is read of a body, up to a length, and tells when that is all of it.
type recorder struct {
	io.ReadCloser
	body     bytes.Buffer
	complete func(body []byte) // nil once it is too long
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.complete == nil {
		return n, err
	}
	if r.body.Len()+n > maxCachedBody {
		r.body, r.complete = bytes.Buffer{}, nil
		return n, err
	}
	r.body.Write(p[:n])
	if errors.Is(err, io.EOF) {
		r.complete(r.body.Bytes())
		r.complete = nil
	}
	return n, err
}

// varyOf returns the request headers that a response depends on: those that it names, and all
// that impersonal requests have, as many targets go by them and do not say so. It reports false
// if there is more that it depends on, or much.
func varyOf(h http.Header) ([]string, bool) {
	names := []string{headerAccept, headerAcceptLanguage, headerUserAgent}
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || name != "" && !fetch.IsToken(name) {
				return nil, false
			}
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, len(names) <= maxVary
}

// selectionOf returns what a request has of the headers that a response depends on.
func selectionOf(header http.Header, vary []string) string {
	var b strings.Builder
	for _, name := range vary {
		fmt.Fprintf(&b, "%q", header[name])
	}
	return b.String()
}
