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
// unpack responses, which would not be counted.
func newTransport(g *guard) *http.Transport {
	return &http.Transport{
		DialContext:            g.dialer().DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    10,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}
