package corsproxy

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// roots are the authorities that are trusted to know targets. They are nil, for the
// system's, but in tests.
var roots *x509.CertPool

// maxResponseHeader bounds the header of a response, in bytes.
const maxResponseHeader = 64 << 10

// newTransport returns what connects to targets. It uses no proxy of the environment, which
// would be connected to in place of the addresses that the guard is to see, and it does not
// unpack responses, which would not be counted. To connect takes half of the time of a request at
// most, and there are no more connections to a host, and attempts at one, than requests.
func newTransport(g *guard, timeout time.Duration, perTarget int) *http.Transport {
	return &http.Transport{
		DialContext:            g.dialer(timeout / 2).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    10,
		MaxConnsPerHost:        perTarget,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}
