package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// One fetch of a list, and what of the answer counts.

const (
	maxListHeaderBytes = 64 << 10
	maxValidatorBytes  = 1 << 10
)

// validators tell a server which version of a list is there (RFC 9110, section 8.8).
type validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// usable returns those that may be sent back, wherever they come from.
func (v validators) usable() validators {
	for _, value := range []*string{&v.ETag, &v.LastModified} {
		if len(*value) > maxValidatorBytes || !httpguts.ValidHeaderFieldValue(*value) {
			*value = ""
		}
	}
	return v
}

// listAnswer is what a server answers who asks for a list.
type listAnswer struct {
	validators
	text      string
	unchanged bool // since the version that was asked for; there is no text
}

// listClient asks the server of a list for it.
type listClient struct {
	*http.Client
	url     *url.URL
	headers http.Header
	timeout time.Duration
	most    int64 // bytes of a list
}

// newListClient returns a client that trusts just the authorities in ca, if there are any.
func newListClient(u *url.URL, headers http.Header, ca string, timeout time.Duration) *listClient {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		trust.RootCAs = x509.NewCertPool()
		trust.RootCAs.AppendCertsFromPEM([]byte(ca))
	}
	client := newClient(timeout, &http.Transport{TLSClientConfig: trust, MaxIdleConns: 1, MaxResponseHeaderBytes: maxListHeaderBytes})
	return &listClient{client, u, headers, timeout, maxListBytes}
}

// fetch asks for the list, or whether it is still that of a version.
func (c *listClient) fetch(ctx context.Context, version validators) (listAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	got, err := c.send(ctx, version)
	wrapped := new(url.Error)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("there is no whole answer within %s", c.timeout)
	case errors.As(err, &wrapped): // the URL may have secrets, and what is wrong is the server's to word
		err = errors.New(shown(wrapped.Err.Error()))
	}
	return got, err
}

func (c *listClient) send(ctx context.Context, version validators) (got listAnswer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url.String(), nil)
	if err != nil {
		return got, err
	}
	r.Header = c.headers.Clone()
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/plain, */*;q=0.1")
	}
	if version.ETag != "" {
		r.Header.Set("If-None-Match", version.ETag)
	}
	if version.LastModified != "" {
		r.Header.Set("If-Modified-Since", version.LastModified)
	}
	response, err := c.Do(r)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && version != validators{}:
		return listAnswer{validators: version, unchanged: true}, nil
	case response.StatusCode != http.StatusOK:
		return got, newStatusError(response)
	}
	got.text, err = readAnswer(response, c.most)
	got.validators = validators{response.Header.Get("ETag"), response.Header.Get("Last-Modified")}.usable()
	return got, err
}

// readAnswer reads a list, and refuses what is none and what may be cut. What is shorter than
// the server said is an error already.
func readAnswer(response *http.Response, most int64) (string, error) {
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" || kind == "application/xhtml+xml" {
		return "", errors.New("the answer is a page in HTML, such as one to log in, and not a list; serve the list as text/plain")
	}
	if response.ContentLength > most {
		return "", errTooLong
	}
	text, err := readText(response.Body, response.ContentLength, most)
	switch {
	case err != nil:
		return "", err
	case text == "":
		return "", errEmpty
	case response.ContentLength < 0 && len(response.TransferEncoding) == 0 && response.ProtoMajor == 1 && !response.Uncompressed && !strings.HasSuffix(text, "\n"):
		return "", errors.New("the answer tells no length, and its last line does not end, so it may be cut; end the line")
	}
	return text, nil
}

// statusError is that a server did not answer with a list.
type statusError struct {
	reason     string
	retryAfter time.Duration // as it asks for, or 0
}

func (e *statusError) Error() string { return e.reason }

func newStatusError(response *http.Response) *statusError {
	e := &statusError{reason: fmt.Sprintf("the answer has status %d, and not 200", response.StatusCode)}
	location, _ := response.Location()
	switch {
	case response.StatusCode == http.StatusNotModified:
		e.reason = "the answer has status 304, though no version was asked for"
	case location != nil && response.StatusCode/100 == 3:
		e.reason = fmt.Sprintf("the answer is a redirect to %s, which is not followed; if it is right, write that URL", shownURL(location))
	}
	after := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		e.retryAfter = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		e.retryAfter = time.Until(at)
	}
	return e
}
