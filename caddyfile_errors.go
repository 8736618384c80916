package caddycors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// position is where the parser was: at a token, and after how many others. Lines do
// not tell the order, as a snippet's tokens have those of the snippet.
type position struct {
	token caddyfile.Token
	order int
}

// positionedError is a mistake in a Caddyfile.
type positionedError struct {
	order int
	error
}

// positionReader reads tokens, and knows where each value of the config stood.
type positionReader struct {
	*caddyfile.Dispenser
	positions map[place]position
	read      int // how many positions were taken
	errs      []positionedError
}

func newPositionReader(d *caddyfile.Dispenser) positionReader {
	return positionReader{Dispenser: d, positions: make(map[place]position)}
}

// here returns the position of the current token.
func (r *positionReader) here() position {
	r.read++
	return position{r.Token(), r.read}
}

// mark notes that the current token is at a place of the config.
func (r *positionReader) mark(at place) { r.positions[at] = r.here() }

// position returns where the value is that an error of the compiler is about, or else
// its option, its policy or the directive.
func (r *positionReader) position(at place) position {
	for _, at := range []place{at, {at.policy, at.option, 0}, {at.policy, optionPolicy, 0}} {
		if position, ok := r.positions[at]; ok {
			return position
		}
	}
	return r.positions[place{noPolicy, optionPolicies, 0}]
}

// fail notes a mistake at the current token.
func (r *positionReader) fail(format string, args ...any) {
	r.failAt(r.here(), fmt.Errorf(format, args...))
}

func (r *positionReader) failAt(at position, err error) {
	d := caddyfile.NewDispenser([]caddyfile.Token{at.token})
	d.Next()
	r.errs = append(r.errs, positionedError{at.order, d.WrapErr(err)})
}

// failAll notes the mistakes that the compiler found.
func (r *positionReader) failAll(errs []*ConfigError) {
	for _, err := range errs {
		r.failAt(r.position(err.place), err)
	}
}

// items takes one token, in which commas may separate several values.
func (r *positionReader) items(policy int, option string, values *[]string) {
	items := slices.Values([]string{r.Val()})
	if strings.Contains(r.Val(), ",") && !placeholder.MatchString(r.Val()) {
		items = listItems(r.Val())
	}
	for item := range items {
		r.mark(place{policy, option, len(*values)})
		*values = append(*values, item)
	}
}

// err joins the mistakes in the order in which they stand.
func (r *positionReader) err() error {
	slices.SortStableFunc(r.errs, func(a, b positionedError) int { return cmp.Compare(a.order, b.order) })
	return joinErrors(r.errs)
}
