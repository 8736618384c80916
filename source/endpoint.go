package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

const (
	// maxAsks is how many questions are asked at a time, and over how many connections.
	maxAsks = 64

	// Of the body of an answer, which says nothing, so much is read that the connection can
	// be used again.
	maxAnswerBytes       = 4 << 10
	maxAnswerHeaderBytes = 16 << 10
)

// hostOf returns the host name that a Host header has, in lower case, without port, and
// without the dot that may end it: the tenant whose site a page's request is for.
func hostOf(header string) string {
	host := header
	if end := strings.IndexByte(host, ']'); end >= 0 {
		host = host[:end+1] // an IPv6 address
	} else if colon := strings.IndexByte(host, ':'); colon >= 0 {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isHost reports whether host is a host name, or an IP address, as browsers write it.
func isHost(host string) bool {
	_, ok := origin.Parse("http://" + host)
	return ok
}

// withoutQuestion returns an endpoint without the query parameters that a question has. The
// others stay as they are written, with an "&" behind each, where those of a question go.
func withoutQuestion(endpoint *url.URL) *url.URL {
	rest := *endpoint
	rest.RawQuery = ""
	if endpoint.RawQuery == "" {
		return &rest
	}
	for parameter := range strings.SplitSeq(endpoint.RawQuery, "&") {
		escaped, _, _ := strings.Cut(parameter, "=")
		if name, _ := url.QueryUnescape(escaped); name != "origin" && name != "host" {
			rest.RawQuery += parameter + "&"
		}
	}
	return &rest
}

// request returns the request that asks an endpoint a question. The endpoint is as
// [withoutQuestion] returns it.
func (q question) request(ctx context.Context, endpoint *url.URL) *http.Request {
	target := *endpoint
	target.RawQuery += "origin=" + url.QueryEscape(q.origin) + "&host=" + url.QueryEscape(q.host)
	r := &http.Request{Method: http.MethodGet, URL: &target, Header: make(http.Header)}
	return r.WithContext(ctx)
}

// resultOf tells what an answer means, and the error if the endpoint failed. That is one
// that has to be corrected, or may be over soon, and says nothing about the origin.
func resultOf(response *http.Response, err error) (askResult, error) {
	if errors.Is(err, context.DeadlineExceeded) {
		return askFailed, errors.New("it did not answer within the timeout")
	}
	if err != nil {
		if sending := new(url.Error); errors.As(err, &sending) {
			err = sending.Err // without the URL
		}
		return askFailed, err
	}
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return askAllowed, nil
	case 300 <= status && status <= 399:
		return askFailed, fmt.Errorf("it answers with status %d, and redirects are not followed; write the URL that they lead to", status)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return askFailed, fmt.Errorf("it answers with status %d", status)
	}
	return askDenied, nil
}

// discard ends an answer, so that its connection can be used again if the rest is short.
func discard(response *http.Response) {
	if response.StatusCode != http.StatusSwitchingProtocols { // that has no end, and no deadline
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswerBytes)
	}
	response.Body.Close()
}
