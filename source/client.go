package source

import (
	"net"
	"net/http"
	"time"
)

// idleTime is how long a connection stays open that is not used.
const idleTime = 90 * time.Second

// newClient returns a client for one server, with what is special about its transport. It
// follows no redirect: what it sends may have secrets, which are for that server.
func newClient(timeout time.Duration, transport *http.Transport) *http.Client {
	transport.Proxy = http.ProxyFromEnvironment
	transport.ForceAttemptHTTP2 = true
	transport.IdleConnTimeout = idleTime
	// A request that ends does not end the opening of its connection, which others might use.
	transport.DialContext = (&net.Dialer{Timeout: timeout}).DialContext
	transport.TLSHandshakeTimeout = timeout
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
