package caddycors

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// defaultPreflightStatus is the usual status of an answer without a body.
const defaultPreflightStatus = http.StatusNoContent

// answerPreflight answers a preflight whose origin is allowed with all that the
// policy grants, even if that is not all the browser asked for, so that it can tell
// what is missing. One whose origin is not allowed learns nothing.
func (h *Handler) answerPreflight(w http.ResponseWriter, r *http.Request, d Decision) {
	header := w.Header()
	removeCORSHeaders(header)
	if d.policy == nil {
		_ = refuse(w, d) // the client is gone; nothing is left to tell it
		return
	}
	methods, headers := d.policy.preflightLists(r, d.Reason)
	slots := make([]string, 7) // one for each field below and Vary
	slots = d.putOrigin(header, slots)
	slots = d.policy.putPreflight(header, slots, methods, headers)
	if d.policy.exposeHeaders != "" {
		slots = putHeader(header, slots, headerExposeHeaders, d.policy.exposeHeaders)
	}
	if d.policy.preflightVary != "" {
		mergeVary(header, slots, d.policy.preflightVary)
	}
	w.WriteHeader(h.PreflightStatus)
}

// refuse answers a request of an origin that no policy allows. The text has nothing
// of the request in it.
func refuse(w http.ResponseWriter, d Decision) error {
	header := w.Header()
	mergeVary(header, nil, headerOrigin)
	header.Set(headerContentType, "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	_, err := io.WriteString(w, "CORS: "+d.Kind.String()+" request denied: "+d.Reason.String()+"\n")
	return err
}

// putOrigin writes Access-Control-Allow-Origin and -Credentials (Fetch, "CORS check").
func (d Decision) putOrigin(h http.Header, slots []string) []string {
	if d.policy.origins.any() && !d.policy.credentials {
		return putHeader(h, slots, headerAllowOrigin, "*")
	}
	slots = putHeader(h, slots, headerAllowOrigin, d.origin)
	if d.policy.credentials {
		slots = putHeader(h, slots, headerAllowCredentials, "true")
	}
	return slots
}

// putPreflight writes the fields that only an answer to a preflight has.
func (p *policy) putPreflight(h http.Header, slots []string, methods, headers string) []string {
	if methods != "" {
		slots = putHeader(h, slots, headerAllowMethods, methods)
	}
	if headers != "" {
		slots = putHeader(h, slots, headerAllowHeaders, headers)
	}
	return putHeader(h, slots, headerMaxAge, p.maxAge)
}

// responseWriter applies a decision to the response that the next handler writes: as
// late as the header is written, because only then it is known what a backend set.
//
// It is never pooled: header maps hold on to its slots.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper
	handler     *Handler
	decision    Decision
	preflight   *preflightLists // of a preflight that is passed on, else nil
	slots       [4]string       // Allow-Origin, Allow-Credentials, Expose-Headers, Vary
	wroteHeader bool
}

// preflightLists are the values of Access-Control-Allow-Methods and
// Access-Control-Allow-Headers.
type preflightLists struct{ methods, headers string }

func (h *Handler) newResponseWriter(w http.ResponseWriter, r *http.Request, d Decision) *responseWriter {
	rw := &responseWriter{
		ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		handler:               h,
		decision:              d,
	}
	if d.policy == nil && d.Outcome == OutcomeNotCORS {
		rw.decision.policy = h.policies.open
	}
	if d.policy != nil && d.Kind == KindPreflight {
		methods, headers := d.policy.preflightLists(r, d.Reason)
		rw.preflight = &preflightLists{methods, headers}
	}
	return rw
}

// again returns a writer that applies the same decision to another writer, for the
// error routes: Caddy runs these on the writer below this one.
func (rw *responseWriter) again(w http.ResponseWriter) *responseWriter {
	return &responseWriter{
		ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		handler:               rw.handler,
		decision:              rw.decision,
		preflight:             rw.preflight,
	}
}

// serve runs the next handler and sees to it that the decision is on the response,
// whatever happens: a handler may write nothing, or return an error, which Caddy
// answers with the header map as it stands, or panic.
func (rw *responseWriter) serve(r *http.Request, next caddyhttp.Handler) error {
	failed := true
	// Once more where the header was written: trailers are in the map now, and
	// HTTP/3 may write the map after the handler returned.
	defer func() { rw.apply(!failed) }()
	err := next.ServeHTTP(rw, r)
	failed = err != nil
	return err
}

// apply makes the header map what the decision says. The names of the response's
// headers are complete if it is about to be written.
func (rw *responseWriter) apply(complete bool) {
	h := rw.Header()
	slots := rw.slots[:]
	if !rw.keeps(h) {
		removeCORSHeaders(h)
		if rw.decision.policy != nil {
			slots = rw.put(h, slots, complete)
		}
	}
	if rw.handler.policies.open == nil {
		mergeVary(h, slots, rw.varyNames())
	}
}

// keeps reports whether the response stands as the backend made it.
func (rw *responseWriter) keeps(h http.Header) bool {
	if rw.handler.UpstreamHeaders != upstreamKeep {
		return false
	}
	for name := range h {
		if strings.EqualFold(name, headerAllowOrigin) {
			return true
		}
	}
	return false
}

func (rw *responseWriter) put(h http.Header, slots []string, complete bool) []string {
	p := rw.decision.policy
	slots = rw.decision.putOrigin(h, slots)
	if rw.preflight != nil {
		slots = p.putPreflight(h, slots, rw.preflight.methods, rw.preflight.headers)
	}
	expose := p.exposeHeaders
	if p.exposeAll && complete && rw.decision.Kind == KindActual {
		expose = exposableNames(h)
	}
	if expose != "" {
		slots = putHeader(h, slots, headerExposeHeaders, expose)
	}
	return slots
}

// varyNames returns what the response depends on.
func (rw *responseWriter) varyNames() string {
	if rw.preflight != nil {
		return rw.decision.policy.preflightVary
	}
	return headerOrigin
}

// exposableNames lists the response's headers that a page could be given, sorted.
func exposableNames(h http.Header) string {
	names := make([]string, 0, len(h))
	for name := range h {
		if fetch.IsToken(name) && !fetch.IsForbiddenResponseHeader(name) && !isCORSResponseHeader(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// WriteHeader applies the decision to a final response. To an informational one it
// adds nothing, and takes the same headers away.
func (rw *responseWriter) WriteHeader(status int) {
	if status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		if !rw.keeps(rw.Header()) {
			removeCORSHeaders(rw.Header())
		}
	} else {
		rw.beforeBody()
	}
	rw.ResponseWriter.WriteHeader(status)
}

// Write applies the decision if WriteHeader was not called.
func (rw *responseWriter) Write(p []byte) (int, error) {
	rw.beforeBody()
	return rw.ResponseWriter.Write(p)
}

// ReadFrom applies the decision if WriteHeader was not called, and leaves copying to
// the writer below, which may use sendfile.
func (rw *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	rw.beforeBody()
	return rw.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError applies the decision if WriteHeader was not called: flushing writes the
// header. [http.ResponseController] would flush past this writer without it.
func (rw *responseWriter) FlushError() error {
	rw.beforeBody()
	return http.NewResponseController(rw.ResponseWriter).Flush()
}

// Flush is FlushError for handlers that ask for an [http.Flusher].
func (rw *responseWriter) Flush() { _ = rw.FlushError() }

func (rw *responseWriter) beforeBody() {
	if !rw.wroteHeader {
		rw.wroteHeader = true
		rw.apply(true)
	}
}

// Interface guards
var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
	_ io.ReaderFrom       = (*responseWriter)(nil)
)
