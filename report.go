package caddycors

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// report serves a request of a handler that only reports: it decides and logs, and
// where the response says something else to the page than the decision would, it logs
// that too. It changes nothing.
func (h *Handler) report(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	d := h.policies.decide(r)
	h.observeTrial(d, r)
	defer h.countUnmatched(d, r)
	if d.outcome != outcomeAllowed && d.outcome != outcomeDenied ||
		!mayNeedCORS(r) || !shortEnough(r.Header) || !h.logger.Core().Enabled(zap.InfoLevel) {
		return next.ServeHTTP(w, r)
	}
	asked := r.WithContext(r.Context())
	asked.Header = r.Header.Clone() // later handlers may edit it, such as request_header
	rw := &reportWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	rw.compare = func(status int, complete bool) {
		h.compare(d, asked, status, finalHeader(w, asked, complete), complete)
	}
	err := next.ServeHTTP(rw, r)
	if err == nil {
		rw.look(http.StatusOK, true) // nobody wrote it
	} else if !hasErrorRoutes(r) { // else these make the response
		rw.look(errorStatus(err), false)
	}
	return err
}

func hasErrorRoutes(r *http.Request) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && server.Errors != nil && len(server.Errors.Routes) > 0
}

// errorStatus returns the status with which Caddy answers an error.
func errorStatus(err error) int {
	var e caddyhttp.HandlerError
	if errors.As(err, &e) && e.StatusCode != 0 {
		return e.StatusCode
	}
	return http.StatusInternalServerError
}

// maxComparedBytes bounds the CORS headers of a request and of a response that are
// compared, each. No page asks for so much.
const maxComparedBytes = 8 << 10

// shortEnough reports whether the CORS headers of h are short enough to be compared.
func shortEnough(h http.Header) bool {
	size := 0
	for name, values := range h {
		if isCORSHeader(name) {
			for _, value := range values {
				size += len(value) + 1
			}
		}
	}
	return size <= maxComparedBytes
}

// mayNeedCORS reports whether a page may need permission to read the response to a request
// with an Origin header. It needs none for WebSockets, and navigations and no-cors
// requests are not read.
func mayNeedCORS(r *http.Request) bool {
	mode := r.Header.Get(headerSecFetchMode)
	return (mode == "" || mode == "cors") && r.Header.Get("Upgrade") == "" && r.Method != http.MethodConnect
}

// finalHeader returns the header of w as it is when it is written: a handler ahead of
// this one may be about to apply its decision to it.
func finalHeader(w http.ResponseWriter, r *http.Request, complete bool) http.Header {
	ahead := writerAhead(w)
	if ahead == nil || ahead.wroteHeader {
		return w.Header()
	}
	dry := &dryWriter{header: maps.Clone(w.Header())}
	newResponseWriter(dry, r, ahead.decided).apply(complete)
	return dry.header
}

// writerAhead returns the [responseWriter] that w writes to, or nil.
func writerAhead(w http.ResponseWriter) *responseWriter {
	for {
		switch writer := w.(type) {
		case *responseWriter:
			return writer
		case interface{ Unwrap() http.ResponseWriter }:
			w = writer.Unwrap()
		default:
			return nil
		}
	}
}

// reportWriter sees the header of the final response, and passes all on as it is. It
// looks when the header is written, as handlers ahead may edit it until then.
type reportWriter struct {
	caddyhttp.ResponseWriterWrapper
	compare func(status int, complete bool) // nil once it was called
}

func (rw *reportWriter) look(status int, complete bool) {
	if rw.compare != nil && isFinal(status) {
		// A 304 is judged by what the client has stored.
		if status != http.StatusNotModified {
			rw.compare(status, complete)
		}
		rw.compare = nil
	}
}

// WriteHeader looks at a final response.
func (rw *reportWriter) WriteHeader(status int) {
	rw.ResponseWriter.WriteHeader(status)
	rw.look(status, true)
}

// Write looks at the response if WriteHeader was not called.
func (rw *reportWriter) Write(p []byte) (int, error) {
	n, err := rw.ResponseWriter.Write(p)
	rw.look(http.StatusOK, true)
	return n, err
}

// ReadFrom is Write for a copy that the writer below may speed up.
func (rw *reportWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := rw.ResponseWriterWrapper.ReadFrom(r)
	rw.look(http.StatusOK, true)
	return n, err
}

// FlushError flushes. It does not look at the response, since the writer below may not
// flush, or not yet.
func (rw *reportWriter) FlushError() error {
	return http.NewResponseController(rw.ResponseWriter).Flush()
}

// Flush is FlushError for handlers that ask for an [http.Flusher].
func (rw *reportWriter) Flush() { _ = rw.FlushError() }

// compare logs in what the response's answer to other origins differs from the
// decision's. The names of the response's headers may not be complete.
func (h *Handler) compare(d decision, r *http.Request, status int, header http.Header, complete bool) {
	if !shortEnough(header) {
		return
	}
	dry := &dryWriter{header: maps.Clone(header), status: status}
	if act := (decided{handler: h, decision: d}); d.kind == kindPreflight && !h.ForwardPreflights {
		(&answer{decided: act}).write(dry, r)
	} else {
		newResponseWriter(dry, r, act).apply(complete)
	}
	is, would := newCORSHeaders(d, r, status, header), newCORSHeaders(d, r, dry.status, dry.header)
	names := is.differences(would)
	var key int
	switch {
	case would.verdict < is.verdict:
		key = sampleLosses
	case would.verdict > is.verdict:
		key = sampleGains
	case len(names) > 0:
		key = sampleSameVerdict
	default:
		return
	}
	if !h.sampled(zap.InfoLevel, key) {
		return
	}
	fields := append(h.requestFields(d, r), zap.Object("response", is.loggable(names)), zap.Object("decision", would.loggable(names)))
	if hint := h.differenceHint(d, r, is, would, names); hint != "" {
		fields = append(fields, zap.String("hint", hint))
	}
	h.logger.Info("the response's CORS headers are not the policy's", fields...)
}

// differenceHint says what would change for pages if the policy were in force.
func (h *Handler) differenceHint(d decision, r *http.Request, is, would corsHeaders, names []string) string {
	switch {
	case would.verdict < is.verdict && d.outcome == outcomeDenied:
		return h.hint(d, r)
	case would.verdict < is.verdict:
		return "if pages send cookies, write allow_credentials"
	case would.verdict > is.verdict && is.verdict == verdictBlocked:
		return "browsers keep this response from the page now; under the policy they would not"
	case would.verdict > is.verdict:
		return "under the policy, pages may send cookies, too"
	case slices.Contains(names, headerExposeHeaders) && is.verdict != verdictBlocked && !would.exposes(is):
		return "if pages read these headers, name them in expose_headers"
	}
	return ""
}

// dryWriter keeps the header that it is given, and writes nothing.
type dryWriter struct {
	header http.Header
	status int
}

func (w *dryWriter) Header() http.Header         { return w.header }
func (w *dryWriter) WriteHeader(status int)      { w.status = status }
func (w *dryWriter) Write(p []byte) (int, error) { return len(p), nil }
