package caddycors

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrorKind says what sort of mistake a [ConfigError] is, for programs.
type ErrorKind string

const (
	// KindMissing means that a value is needed and none was given.
	KindMissing ErrorKind = "missing"
	// KindMalformed means that the option has no such value.
	KindMalformed ErrorKind = "malformed"
	// KindImpossible means that the value is well-formed, but no browser does what it
	// is for, or no request can get that far.
	KindImpossible ErrorKind = "impossible"
	// KindConflict means that two values do not go together.
	KindConflict ErrorKind = "conflict"
	// KindPlaceholder means that a placeholder has no value when the config loads.
	KindPlaceholder ErrorKind = "placeholder"
	// KindDangerous means that the value needs a risk in dangerously_allow:
	// [ConfigError.Risk].
	KindDangerous ErrorKind = "dangerous"
)

// ConfigError is one mistake in the config of a cors handler or a cors_origin matcher.
// [Handler.Provision] and [MatchOrigin.Provision] report all mistakes together, 50 at
// most, joined with [errors.Join].
type ConfigError struct {
	// Kind is the sort of mistake.
	Kind ErrorKind
	// Policy is the name of the policy with the mistake, or empty for an option of
	// the handler and for a policy that stands alone.
	Policy string
	// Option is the option as it is spelled in Caddyfile and JSON.
	Option string
	// Value is the value with the mistake, or empty if none was given.
	Value string
	// Reason says what is wrong with it.
	Reason string
	// Fix says what to do about it.
	Fix string
	// Risk is the value of dangerously_allow that lets a dangerous config load, or
	// empty if the mistake is of another kind.
	Risk string

	place place
}

// place is where a config error is: which value of which option. The Caddyfile
// adapter finds the line by it.
type place struct {
	policy int // index into policies, or noPolicy
	option string
	index  int // of the value among the option's values
}

// noPolicy is the policy of a place that is an option of the handler.
const noPolicy = -1

// Error returns option, value, reason and fix in one line.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Policy != "" {
		fmt.Fprintf(&b, "policy %s: ", e.Policy)
	}
	b.WriteString(e.Option)
	if e.Value != "" {
		b.WriteString(" " + quoted(e.Value))
	}
	b.WriteString(": " + e.Reason)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// maxShownBytes is how much of a value an error shows.
const maxShownBytes = 300

// quoted returns s in quotes, its backslashes as they are, so that it can be pasted,
// unless that would be ambiguous. What is very long is cut short.
func quoted(s string) string {
	if len(s) > maxShownBytes {
		s = strings.ToValidUTF8(s[:maxShownBytes], "") + "..."
	}
	if quoted := `"` + s + `"`; strconv.Quote(strings.ReplaceAll(s, `\`, "")) == strings.ReplaceAll(quoted, `\`, "") {
		return quoted
	}
	return strconv.Quote(s)
}

// maxErrors is how many mistakes are told at once. A list of origins may have more.
const maxErrors = 50

// joinErrors returns errs as one error, or nil if there are none.
func joinErrors[E error](errs []E) error {
	joined := make([]error, 0, min(len(errs), maxErrors+1))
	for i, err := range errs {
		if i == maxErrors {
			joined = append(joined, fmt.Errorf("and %d more", len(errs)-i))
			break
		}
		joined = append(joined, err)
	}
	return errors.Join(joined...)
}
