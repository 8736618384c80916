package corsproxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// requests counts what became of requests. Its labels are targets as the config has them, and
// a fixed set of outcomes. It is one for the process: counters never go back at a reload.
var requests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "caddy_http_cors_proxy_requests_total",
	Help: "Counter of requests to CORS proxies, by their target and by what became of them.",
}, []string{"target", "outcome"})

// The outcomes beside the codes of refusals.
const (
	outcomePassed   = "passed"
	outcomeCached   = "cached"
	outcomeCanceled = "canceled"
)

// registerMetrics adds the metrics to those of a config.
func registerMetrics(ctx caddy.Context) error {
	err := ctx.GetMetricsRegistry().Register(requests)
	if errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		return nil // by another handler
	}
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// count counts the exchange.
func (e *exchange) count() {
	target, outcome := "", outcomePassed
	if e.target != nil {
		target = e.target.String()
	}
	if refused := e.failure.Load(); refused != nil {
		outcome = refused.code
	} else if e.canceled.Load() {
		outcome = outcomeCanceled
	} else if e.cached {
		outcome = outcomeCached
	}
	requests.WithLabelValues(target, outcome).Inc()
}

const (
	// Of the lines of one kind in a second, the first logBurst are logged, then one in
	// logThinning: a flood of them costs little.
	logBurst    = 20
	logThinning = 100

	// maxLoggedBytes bounds what a line takes from a request, or from a target.
	maxLoggedBytes = 256
)

func sampledLogger(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, logBurst, logThinning)
	}))
}

// logFailure logs why a request was refused, or failed. Of its URL only the origin is
// logged: paths and queries may have keys.
func (e *exchange) logFailure(refused *refusal, err error) {
	checked := e.logger.Check(zap.InfoLevel, "proxy request refused: "+refused.code)
	if checked == nil {
		return
	}
	fields := []zap.Field{zap.String("reason", refused.code), zap.Int("status", refused.status)}
	if e.at.path != "" {
		fields = append(fields, zap.String("url_origin", fetch.Printable(e.at.origin.String(), maxLoggedBytes)))
	}
	if address := (*addressError)(nil); errors.As(err, &address) {
		fields = append(fields, zap.String("address", address.addr.String()), zap.String("why", address.why))
	} else if err != nil && !errors.As(err, new(*refusal)) {
		fields = append(fields, zap.String("error", fetch.Printable(loggedError(err), maxLoggedBytes)))
	}
	checked.Write(fields...)
}

// loggedError returns what is logged of an error: its text only if that is of the connection.
// Others may quote lines of a target's response, which are none of the log's business.
func loggedError(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Error()
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return name.Error()
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return timeout.Error()
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}
