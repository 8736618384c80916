package caddycors

import (
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// Of the denials in a second, the first logBurst are logged, then one in
	// logThinning: a flood of them costs little.
	logBurst    = 20
	logThinning = 100

	// maxLoggedBytes bounds what a log line takes from a request, of each value.
	maxLoggedBytes = 256
)

// sampled returns a logger that stays cheap under a flood of denied requests.
func sampled(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, logBurst, logThinning)
	}))
}

// observe logs a decision: a denied one at INFO, an allowed one at DEBUG.
func (h *Handler) observe(d Decision, r *http.Request) {
	level, message := zap.DebugLevel, "cross-origin request allowed"
	switch d.Outcome {
	case OutcomeAllowed:
	case OutcomeDenied:
		level, message = zap.InfoLevel, "cross-origin request denied"
	default:
		return
	}
	c := h.logger.Check(level, message)
	if c == nil {
		return
	}
	fields := []zap.Field{
		zap.String("policy", d.Policy()),
		zap.Stringer("kind", d.Kind),
		zap.String("reason", d.Reason.String()),
		zap.String("origin", loggable(r.Header[headerOrigin])),
		zap.String("method", r.Method),
	}
	if d.Kind == KindPreflight {
		fields = append(fields,
			zap.String("requested_method", loggable(r.Header[headerRequestMethod])),
			zap.String("requested_headers", loggable(r.Header[headerRequestHeaders])))
	}
	if hint := d.Reason.hint(); hint != "" {
		fields = append(fields, zap.String("hint", hint))
	}
	c.Write(fields...)
}

// hint names the option that would allow what was denied.
func (r Reason) hint() string {
	switch r {
	case ReasonOriginNotAllowed:
		return "if you trust this origin, add it to allow_origins"
	case ReasonOriginMalformed:
		return "no browser sends this; it is not an origin, or there are several"
	case ReasonMethodNotAllowed:
		return "if pages may use requested_method, add it to allow_methods"
	case ReasonHeaderNotAllowed:
		return "if pages may set requested_headers, add them to allow_headers"
	}
	return ""
}

// loggable joins the lines of a header and cuts them short.
func loggable(lines []string) string {
	s := ""
	if len(lines) > 0 {
		s = lines[0]
	}
	for _, line := range lines[min(1, len(lines)):] {
		if len(s) > maxLoggedBytes {
			break
		}
		s += ", " + line
	}
	if len(s) > maxLoggedBytes {
		s = s[:maxLoggedBytes] + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
