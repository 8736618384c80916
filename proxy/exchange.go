package corsproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// exchange is one request on its way to a target and back, with the redirects between.
type exchange struct {
	*Handler
	ctx     context.Context // of all of it
	at      place           // what is asked for
	target  *target         // that has it
	header  http.Header     // of the request, as targets may have it
	body    *limited        // of the request
	entered []string        // the origins at which it counts as under way
	failure atomic.Pointer[refusal]

	canceled atomic.Bool // by the client

	authorization []string // of the request, for targets that take it
	impersonal    bool     // whether its response may be another client's, and another's be its own

	asked      time.Time // when the target was
	flight     *flight   // in which the response is under way to the cache, if it may be kept
	secret     bool      // whether a target got a secret of the config
	redirected bool
	cached     bool // whether the response was kept
}

type exchangeKey struct{}

// transport is what the reverse proxy sends requests by. All but their bodies is in the
// exchange.
type transport struct{}

// RoundTrip sends a request to its target, follows redirects, and returns the response as
// it is passed on.
func (transport) RoundTrip(asked *http.Request) (*http.Response, error) {
	e := asked.Context().Value(exchangeKey{}).(*exchange)
	for _, name := range []string{"Via", "Early-Data"} { // as the reverse proxy writes them
		if values, ok := asked.Header[name]; ok {
			e.header[name] = values
		}
	}
	if kept := e.recall(asked); kept != nil {
		return kept, nil
	}
	if e.impersonal {
		e.flight = e.cache.take(e.at.String())
	}
	defer e.forget(asked.Method) // as who asked may take this for the end
	response, err := e.follow(asked)
	if err != nil {
		return nil, e.fail(err)
	}
	passed, refused := e.pass(asked, response)
	if refused != nil {
		_ = response.Body.Close()
		return nil, e.fail(refused)
	}
	e.keep(response, passed)
	return passed, nil
}

// follow sends a request, and to where it is redirected.
func (e *exchange) follow(asked *http.Request) (*http.Response, error) {
	at, header, crossed := e.at, e.header, false
	for hops := 0; ; hops++ {
		if !e.enter(at) {
			return nil, refusedTargetLoad
		}
		request := (&http.Request{Method: asked.Method, URL: at.url(), Host: at.origin.Authority(), Header: header.Clone()}).WithContext(e.ctx)
		if hops == 0 {
			e.asked = time.Now()
			request.Body, request.ContentLength = asked.Body, asked.ContentLength
		}
		request.Header.Set("Accept-Encoding", "identity")
		if !crossed && e.addSecrets(request.Header, at) {
			e.secret = true
		}
		response, err := e.client.RoundTrip(request)
		if err != nil || !redirects(response) {
			return response, err
		}
		_ = response.Body.Close()
		if asked.Method != http.MethodGet && asked.Method != http.MethodHead {
			return nil, failedRedirectPOST
		}
		if hops == e.redirects {
			return nil, failedRedirectCount
		}
		next, refused := e.next(at, response.Header.Get("Location"))
		if refused != nil {
			return nil, refused
		}
		if next.origin != e.at.origin && !crossed {
			crossed = true
			header = filter(header, acrossOrigins.has)
		}
		at, e.redirected = next, true
	}
}

// redirects reports whether a response is a redirect that browsers follow.
func redirects(response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return response.Header.Get("Location") != ""
	}
	return false
}

// next returns where a redirect leads to. It is checked as what pages ask for is.
func (e *exchange) next(from place, location string) (place, *refusal) {
	u, err := from.url().Parse(location)
	if err != nil {
		return place{}, failedRedirectURL
	}
	to, refused := parsePlace(u.String())
	if refused != nil {
		return place{}, failedRedirectURL
	}
	if from.origin.Scheme() == schemeTLS && to.origin.Scheme() != schemeTLS {
		return place{}, failedRedirectPlain
	}
	if _, refused := e.targets.find(to); refused != nil {
		return place{}, failedRedirect
	}
	return to, nil
}

// addSecrets adds what only some targets get: the client's Authorization, and what the
// config has for them. It reports whether that is any of the latter. Names of the config are
// its own, even if it has no value for them: what pages send by these is not sent.
func (e *exchange) addSecrets(header http.Header, to place) bool {
	if _, refused := e.takeAuthorization.find(to); refused == nil && len(e.authorization) > 0 {
		header["Authorization"] = e.authorization
	}
	added := false
	for _, secret := range e.secrets {
		if _, refused := secret.targets.find(to); refused != nil {
			continue
		}
		remove(header, secret.name)
		if secret.unset == nil {
			header[secret.name] = []string{secret.value}
			added = true
		}
	}
	return added
}

// enter counts the exchange as under way at an origin, unless there are too many.
func (e *exchange) enter(at place) bool {
	key := at.origin.String()
	for _, entered := range e.entered {
		if entered == key {
			return true
		}
	}
	if !e.perTarget.enter(key) {
		return false
	}
	e.entered = append(e.entered, key)
	return true
}

// forget drops what is kept of what the request may have changed at its target, also if it failed.
func (e *exchange) forget(method string) {
	if e.cache != nil && !e.asked.IsZero() && method != http.MethodGet && method != http.MethodHead {
		e.cache.drop(e.at.String())
	}
}

// leave counts the exchange off.
func (e *exchange) leave() {
	if e.flight != nil {
		e.cache.leave(e.at.String(), e.flight)
	}
	for _, key := range e.entered {
		e.perTarget.leave(key)
	}
}

// fail notes what the exchange failed at, and returns it; or that the client is gone, as the
// reverse proxy knows it.
func (e *exchange) fail(err error) error {
	refused := e.refusalOf(err)
	if refused == nil {
		e.canceled.Store(true)
		return context.Canceled
	}
	if e.failure.CompareAndSwap(nil, refused) {
		e.logFailure(refused, err)
	}
	return refused
}

// refusalOf returns what pages are told of an error, or nil if nobody waits for it.
func (e *exchange) refusalOf(err error) *refusal {
	var (
		refused     *refusal
		address     *addressError
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case e.body.exceeded.Load():
		return refusedBody
	case errors.As(err, &refused):
		return refused
	case errors.Is(e.ctx.Err(), context.Canceled):
		return nil
	case e.ctx.Err() != nil, ok && timeout.Timeout():
		return failedTime
	case errors.As(err, &address):
		return failedAddress
	case errors.As(err, &name):
		return failedName
	case errors.As(err, &certificate):
		return failedCertificate
	case strings.Contains(err.Error(), "server response headers exceeded"), strings.Contains(err.Error(), "response header list larger"):
		return failedLength
	}
	return failedConnection
}
