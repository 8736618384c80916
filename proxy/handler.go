package corsproxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// ServeHTTP answers a request with what a target says, or says why not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	protect(w.Header())
	if !caddycors.WithholdCredentials(r) {
		h.warnOfNoPolicy()
	}
	w.Header().Del("Access-Control-Allow-Credentials") // of a response that failed, and is answered anew
	e := &exchange{Handler: h}
	refused := e.admit(r)
	if refused == nil {
		client, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
		if client = clientKey(client); h.perClient.enter(client) {
			defer h.perClient.leave(client)
		} else {
			refused = refusedClientLoad
		}
	}
	if refused != nil {
		e.failure.Store(refused)
		e.logFailure(refused, nil)
	}
	defer e.count()
	if refused != nil {
		return h.refuse(w, r, refused)
	}
	err := e.forward(w, r, next)
	if errors.As(err, &refused) {
		return h.refuse(w, r, refused)
	}
	return err
}

// refuse answers a request in place of a target.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) error {
	if refused == refusedMethod {
		w.Header().Set("Allow", strings.Join(h.methods, ", "))
	}
	return refused.write(w, r)
}

// admit tells whether a request is one that this proxy serves, and finds its target.
func (e *exchange) admit(r *http.Request) *refusal {
	if refused := refusedPage(r); refused != nil {
		return refused
	}
	text, refused := askedURL(r.URL)
	if refused != nil {
		return refused
	}
	if e.at, refused = parsePlace(text); refused != nil {
		return refused
	}
	if e.target, refused = e.targets.find(e.at); refused != nil {
		return refused
	}
	if !slices.Contains(e.methods, r.Method) {
		return refusedMethod
	}
	if r.ContentLength > e.maxBody {
		return refusedBody
	}
	return nil
}

// documents are the destinations of what browsers give an origin of its own, or the page's,
// to: documents, and workers (Fetch, "destination").
var documents = []string{"document", "embed", "fencedframe", "frame", "iframe", "object", "serviceworker", "sharedworker", "worker"}

// refusedPage refuses requests that are not those of a script, on a page of an origin that a
// cors handler ahead allows by name or by "*".
func refusedPage(r *http.Request) *refusal {
	mode := r.Header.Get("Sec-Fetch-Mode")
	switch {
	case mode != "" && mode != "cors" && mode != "same-origin" && mode != "no-cors",
		slices.Contains(documents, r.Header.Get("Sec-Fetch-Dest")), r.Header.Get("Service-Worker") != "":
		return refusedNavigation
	case r.Header.Get("Upgrade") != "":
		return refusedUpgrade
	case len(r.Header.Values("Origin")) == 0:
		return refusedOrigin
	}
	sent, wellFormed := origin.Parse(strings.Join(r.Header.Values("Origin"), ","))
	if wellFormed && sent.Opaque() {
		return refusedNullOrigin
	}
	if _, allowed := caddycors.AllowedBy(r); !allowed || !wellFormed {
		return refusedPolicy
	}
	return nil
}

// deadlineOfBodies is how long after a request timed out its body is no more read, nor that of
// its response written.
const deadlineOfBodies = 100 * time.Millisecond

// forward lets Caddy's reverse proxy do the rest, by the transport of this package.
func (e *exchange) forward(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	// A context of its own: what the reverse proxy hangs on that of the request, as what to do
	// with informational responses, is not for the transport.
	ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	defer e.leave()
	defer e.forget(r.Method)
	e.ctx = context.WithValue(ctx, exchangeKey{}, e)
	defer e.boundBodies(w, r)()
	e.body = limit(r.Body, e.maxBody, refusedBody)
	e.header = pageHeader(r.Header)
	e.authorization = r.Header.Values("Authorization")
	e.impersonal = e.cache != nil && impersonal(r, e.header)
	// The reverse proxy gets to see nothing that it could log.
	proxied := r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e))
	proxied.URL, proxied.RequestURI = &url.URL{Path: "/"}, "/"
	proxied.Header, proxied.Trailer = make(http.Header), nil
	proxied.Body = requestBody{e.body}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		proxied.Body, proxied.ContentLength = http.NoBody, 0 // browsers send none; HTTP/3 does not say so
	}
	return e.proxy.ServeHTTP(w, proxied, next)
}

// boundBodies sets until when a client may send, and take what it is sent. The function that
// it returns ends that, for what else is written, such as a refusal. Both are later than the rest, as
// it looks as if the client were gone. What cannot, need not.
func (e *exchange) boundBodies(w http.ResponseWriter, r *http.Request) (end func()) {
	connection := http.NewResponseController(w)
	deadline := time.Now().Add(e.timeout).Add(deadlineOfBodies)
	if r.ContentLength != 0 {
		// A body that does not come would be waited for: it is not closed while it is read.
		_ = connection.SetReadDeadline(deadline)
	}
	// A client that reads nothing would hold its place, and that of the target.
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server != nil && server.WriteTimeout > 0 {
		if server.WriteTimeout-deadlineOfBodies > e.timeout {
			_ = connection.SetWriteDeadline(deadline) // the server sets its own for each request
		}
		return func() {}
	}
	_ = connection.SetWriteDeadline(deadline)
	return func() { _ = connection.SetWriteDeadline(time.Time{}) }
}
