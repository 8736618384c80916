package caddycors

import (
	"errors"
	"fmt"
	"strings"
)

// ConfigError is one mistake in the config of a cors handler. [Handler.Provision]
// reports all mistakes of a handler together, 50 at most, joined with [errors.Join].
type ConfigError struct {
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
		fmt.Fprintf(&b, " %q", e.Value)
	}
	b.WriteString(": " + e.Reason)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
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
