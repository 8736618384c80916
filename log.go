package caddycors

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

const (
	// Of the decisions of one reason that a handler takes in a second, the first
	// logBurst are logged, then one in logThinning: a flood of them costs little.
	logBurst    = 20
	logThinning = 100

	// maxLoggedBytes bounds what a log line takes from a request, of each value.
	maxLoggedBytes = 256
)

// gate tells which decisions to log. There is one in the process, in front of no log
// of its own: a sampler takes half a megabyte, and there may be a handler in each of
// a thousand sites.
var gate = zapcore.NewSamplerWithOptions(openCore{zapcore.NewNopCore()}, time.Second, logBurst, logThinning)

// openCore lets every entry through.
type openCore struct{ zapcore.Core }

func (openCore) Enabled(zapcore.Level) bool { return true }

func (c openCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(e, c)
}

// handlers counts the handlers that were loaded.
var handlers atomic.Uint64

// The gate tells lines apart by handler and by reason, so that a flood of one does not
// hide another: nearly, as it has 4096 counters a level, which among a thousand handlers
// some share. These are beside the reasons of decisions.
const (
	sampleLosses      = int(reasons) + iota // pages could read less than the response lets them
	sampleGains                             // they could read more
	sampleSameVerdict                       // a response says the same in other words
	samples                                 // how many there are
)

// sampleKeys returns by what the gate tells a handler's lines apart.
func sampleKeys() (keys [samples]string) {
	handler := strconv.FormatUint(handlers.Add(1), 10)
	for i := range keys {
		keys[i] = handler + " " + strconv.Itoa(i)
	}
	return keys
}

// sampled reports whether a line of this level is to be logged now.
func (h *Handler) sampled(level zapcore.Level, key int) bool {
	return h.logger.Core().Enabled(level) &&
		gate.Check(zapcore.Entry{Level: level, Time: time.Now(), Message: h.sampleKeys[key]}, nil) != nil
}

// log logs a decision: a denied one at INFO, an allowed one at DEBUG.
func (h *Handler) log(d decision, r *http.Request) {
	level, message := zap.DebugLevel, "cross-origin request allowed"
	switch d.outcome {
	case outcomeAllowed:
	case outcomeDenied:
		level, message = zap.InfoLevel, "cross-origin request denied"
	default:
		return
	}
	if !h.sampled(level, int(d.reason)) {
		return
	}
	fields := h.requestFields(d, r)
	if hint := h.hint(d, r); hint != "" {
		fields = append(fields, zap.String("hint", hint))
	}
	h.logger.Log(level, message, fields...)
}

// requestFields returns what a log line says of a request and of the decision.
func (h *Handler) requestFields(d decision, r *http.Request) []zap.Field {
	fields := []zap.Field{
		zap.String("policy", d.policyName()),
		zap.Stringer("kind", d.kind),
		zap.Stringer("reason", d.reason),
		zap.String("origin", loggable(r.Header[headerOrigin])),
		zap.String("method", loggable([]string{r.Method})),
	}
	if d.kind == kindPreflight {
		fields = append(fields,
			zap.String("requested_method", loggable(r.Header[headerRequestMethod])),
			zap.String("requested_headers", loggable(r.Header[headerRequestHeaders])))
	}
	if h.ReportOnly {
		fields = append(fields, zap.Bool("report_only", true))
	}
	return fields
}

// loggable joins the lines of a header, cuts them short, and leaves what can be shown.
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
	return fetch.Printable(s, maxLoggedBytes)
}
