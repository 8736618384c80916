package caddycors

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// defaultPreflightStatus is the usual status of an answer without a body.
const defaultPreflightStatus = http.StatusNoContent

// answer is a response that is made here.
type answer struct {
	decided
	values [answerFields]string
}

// write answers a preflight whose origin is allowed with all that the policy grants,
// even if that is not all the browser asked for, so that it can tell what is missing.
// An origin that is not allowed learns nothing.
func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	p := a.decision.policy
	if p == nil {
		a.refuse(w)
		return
	}
	header := w.Header()
	f := fields(a.values[:preflightFields])
	found := f.removeOthers(header, false)
	f.grantOrigin(header, p, a.decision)
	f.grantPreflight(header, p, p.preflightGrant(r, a.decision.reason))
	f.grantExposure(header, p.exposeHeaders)
	if p.preflightVary != "" {
		f.mergeVary(header, found.vary, p.preflightVary)
	}
	w.WriteHeader(a.handler.PreflightStatus)
}

// refuse answers a request of an origin that no policy allows. The text has nothing of
// the request in it.
func (a *answer) refuse(w http.ResponseWriter) {
	header := w.Header()
	f := fields(a.values[:])
	found := f.removeOthers(header, false)
	f.mergeVary(header, found.vary, headerOrigin)
	if a.decision.kind == kindActual {
		f.put(header, fieldCacheControl, "no-store")
	}
	f.put(header, fieldContentType, "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	// If this fails the client is gone, and nothing is left to tell it.
	_, _ = w.Write(refusalLines[a.decision.kind][a.decision.reason])
}

// refusal is the text of an answer that refuses a request.
func refusal(kind requestKind, reason denyReason) string {
	return "CORS: " + kind.String() + " request denied: " + reason.String()
}

// refusalLines are these texts as they are written.
var refusalLines = func() (lines [kinds][reasons][]byte) {
	for kind := range lines {
		for reason := range lines[kind] {
			lines[kind][reason] = []byte(refusal(requestKind(kind), denyReason(reason)) + "\n")
		}
	}
	return lines
}()

// preflightGrant is what an answer to a preflight says of methods and headers: the
// values of Access-Control-Allow-Methods and Access-Control-Allow-Headers.
type preflightGrant struct{ methods, headers string }

// preflightGrant returns what the answer to a preflight says. It is the policy's own
// lists, whatever was asked for, so that browsers remember them and can say what is
// missing. "*" is no wildcard for requests with credentials, so what was asked for,
// and is allowed, is named instead.
func (p *policy) preflightGrant(r *http.Request, reason denyReason) preflightGrant {
	grant := preflightGrant{p.allowMethods, p.allowHeaders}
	if !p.credentials {
		return grant
	}
	if p.anyMethod {
		grant.methods = ""
		if reason != reasonMethodNotAllowed {
			grant.methods = r.Header.Get(headerRequestMethod)
		}
	}
	if p.anyHeader {
		grant.headers = ""
		lines := r.Header[headerRequestHeaders]
		// They were not tested if the method was not allowed.
		if reason == reasonNone || reason == reasonMethodNotAllowed && p.allowsHeaders(lines) {
			grant.headers = normalizeNames(lines)
		}
	}
	return grant
}

// responseWriter applies a decision to the response that the next handler writes: as
// late as the header is written, because only then it is known what a backend set.
//
// It is never pooled: header maps hold on to its values.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper
	decided
	values      [actualFields]string // of the fields, unless a preflight needs more
	wroteHeader bool
	kept        bool // whether the response stands as the backend made it
	late        bool // whether the header map is sent after it was written, as over HTTP/3
	overruled   bool // whether a handler ahead edited it when it was written
}

func newResponseWriter(w http.ResponseWriter, r *http.Request, d decided) *responseWriter {
	rw := &responseWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, decided: d}
	if d.decision.kind == kindPreflight && d.decision.policy != nil {
		rw.preflight = &forwarded{}
		if d.preflight != nil {
			rw.preflight.grant = d.preflight.grant
		} else {
			rw.preflight.grant = d.decision.policy.preflightGrant(r, d.decision.reason)
		}
	}
	return rw
}

// forwarded is what a preflight that is passed on needs beside a decision.
type forwarded struct {
	grant  preflightGrant
	values [preflightFields]string
}

// fields returns where the values of the fields are.
func (rw *responseWriter) fields() fields {
	if rw.preflight != nil {
		return rw.preflight.values[:]
	}
	return rw.values[:]
}

// policy returns the policy whose grants are on the response, or nil.
func (rw *responseWriter) policy() *policy {
	if rw.decision.outcome == outcomeNotCORS {
		return rw.handler.policies.open
	}
	return rw.decision.policy
}

// serve runs the next handler and sees to it that the decision is on the response,
// whatever happens: a handler may write nothing, or return an error, which Caddy
// answers with the header map as it stands, or panic.
func (rw *responseWriter) serve(r *http.Request, next caddyhttp.Handler) error {
	rw.late = r.ProtoMajor == 3
	failed := true
	// Once more where the header was written: trailers are in the map now, and
	// HTTP/3 or a writer that buffers may write the map after the handler returned.
	defer func() { rw.apply(!failed) }()
	err := next.ServeHTTP(rw, r)
	failed = err != nil
	return err
}

// apply makes the header map what the decision says. The names of the response's
// headers are complete if it is about to be written.
//
// Once the header is written, the fields that are this writer's are left as they are:
// handlers ahead of this one may have edited them, and they have the last word.
func (rw *responseWriter) apply(complete bool) {
	h, f := rw.Header(), rw.fields()
	if rw.overruled {
		f.removeOthers(h, true)
		return
	}
	if !rw.wroteHeader {
		rw.kept = rw.handler.UpstreamHeaders == upstreamKeep && f.othersAllow(h)
	}
	found := f.removeOthers(h, rw.kept)
	depends := rw.kept || rw.handler.policies.open == nil
	if depends && (!rw.wroteHeader || !found.has(fieldVary)) {
		f.mergeVary(h, found.vary, rw.varyNames())
	}
	p := rw.policy()
	switch {
	case rw.kept || p == nil:
	case rw.wroteHeader:
		f.restoreGrants(h, found)
	default:
		rw.grant(h, p, complete)
	}
}

// grant writes what the policy grants. All names of the response's headers are known if
// they are complete.
func (rw *responseWriter) grant(h http.Header, p *policy, complete bool) {
	f := rw.fields()
	f.grantOrigin(h, p, rw.decision)
	if rw.preflight != nil {
		f.grantPreflight(h, p, rw.preflight.grant)
	}
	expose := p.exposeHeaders
	if p.exposeAll && complete && rw.decision.kind == kindActual {
		expose = exposableNames(h)
	}
	f.grantExposure(h, expose)
}

// varyNames returns what the response depends on.
func (rw *responseWriter) varyNames() string {
	if rw.preflight != nil && rw.decision.policy.preflightVary != "" {
		return rw.decision.policy.preflightVary
	}
	return headerOrigin
}

// exposableNames lists the response's headers that a page could be given, sorted. The
// server adds a Date after the header is written, unless there is one, be it empty.
func exposableNames(h http.Header) string {
	names := make([]string, 0, len(h)+1)
	for name, values := range h {
		if len(values) > 0 && fetch.IsToken(name) && !fetch.IsForbiddenResponseHeader(name) && !isCORSResponseHeader(name) {
			names = append(names, name)
		}
	}
	if _, ok := h[headerDate]; !ok {
		names = append(names, headerDate)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// WriteHeader applies the decision to a final response. To an informational one it
// adds nothing, and takes away what others grant.
func (rw *responseWriter) WriteHeader(status int) {
	if isFinal(status) {
		written := rw.beforeHeader(status)
		rw.ResponseWriter.WriteHeader(status)
		rw.afterHeader(written)
		return
	}
	h := rw.Header()
	var kept http.Header
	if rw.handler.UpstreamHeaders == upstreamKeep {
		kept = maps.Clone(h) // the final response may keep them
	}
	rw.fields().removeOthers(h, false)
	rw.ResponseWriter.WriteHeader(status)
	for name, values := range kept {
		if isCORSResponseHeader(name) {
			h[name] = values
		}
	}
}

// Write applies the decision if WriteHeader was not called.
func (rw *responseWriter) Write(p []byte) (int, error) {
	written := rw.beforeHeader(http.StatusOK)
	n, err := rw.ResponseWriter.Write(p)
	rw.afterHeader(written)
	return n, err
}

// ReadFrom applies the decision if WriteHeader was not called, and leaves copying to
// the writer below, which may use sendfile.
func (rw *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	written := rw.beforeHeader(http.StatusOK)
	n, err := rw.ResponseWriterWrapper.ReadFrom(r)
	rw.afterHeader(written)
	return n, err
}

// FlushError applies the decision if WriteHeader was not called: flushing writes the
// header. [http.ResponseController] would flush past this writer without it. The
// writer below may not flush, or not yet, so the header does not count as written.
func (rw *responseWriter) FlushError() error {
	if !rw.wroteHeader {
		rw.apply(true)
	}
	return http.NewResponseController(rw.ResponseWriter).Flush()
}

// Flush is FlushError for handlers that ask for an [http.Flusher].
func (rw *responseWriter) Flush() { _ = rw.FlushError() }

// beforeHeader applies the decision to a final response. A 304 does not have all the
// headers of the response that the client has stored, and what it says of them
// replaces what that one said (RFC 9111, section 4.3.4): their names are not complete.
//
// It returns what afterHeader needs.
func (rw *responseWriter) beforeHeader(status int) (written http.Header) {
	if rw.wroteHeader {
		return nil
	}
	rw.apply(status != http.StatusNotModified)
	rw.wroteHeader = true
	if rw.late {
		return corsFields(rw.Header())
	}
	return nil
}

// afterHeader notes whether handlers ahead edited the header as it was written. They
// have the last word, so it is not applied to what is sent late.
func (rw *responseWriter) afterHeader(written http.Header) {
	if written != nil && !maps.EqualFunc(written, corsFields(rw.Header()), slices.Equal) {
		rw.overruled = true
	}
}

// corsFields returns the fields of h by which something is granted, and Vary.
func corsFields(h http.Header) http.Header {
	found := make(http.Header)
	for name, values := range h {
		if name == headerVary || isCORSResponseHeader(name) {
			found[name] = values
		}
	}
	return found
}

// isFinal reports whether a response with this status is the last one to its request.
func isFinal(status int) bool {
	return status < 100 || status > 199 || status == http.StatusSwitchingProtocols
}

// Interface guards
var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
	_ io.ReaderFrom       = (*responseWriter)(nil)
)
