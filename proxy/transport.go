package corsproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
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
// unpack responses, which would not be counted. It connects for half of the time of a request at
// most, then greets by TLS for as long, and has no more connections to an origin, and attempts at
// one, than there may be requests.
func newTransport(g *guard, timeout time.Duration, perTarget int) *http.Transport {
	return &http.Transport{
		DialContext:            whileAsked(g.dialer(timeout / 2).DialContext),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    10,
		MaxConnsPerHost:        perTarget,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    timeout / 2,
		MaxResponseHeaderBytes: maxResponseHeader,
	}
}

type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// whileAsked ends attempts to connect with the exchange that they are for: net/http goes on with
// them.
func whileAsked(connect dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
			defer context.AfterFunc(e.ctx, cancel)()
		}
		return connect(ctx, network, address)
	}
}
