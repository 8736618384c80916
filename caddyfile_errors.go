package caddycors

import (
	"cmp"
	"fmt"
	"slices"

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

// here returns the position of the current token.
func (p *caddyfileParser) here() position {
	p.read++
	return position{p.Token(), p.read}
}

// mark notes that the current token is at a place of the config.
func (p *caddyfileParser) mark(at place) { p.positions[at] = p.here() }

// position returns where the value is that an error of the compiler is about, or else
// its option, its policy or the directive.
func (p *caddyfileParser) position(at place) position {
	for _, at := range []place{at, {at.policy, at.option, 0}, {at.policy, optionPolicy, 0}} {
		if position, ok := p.positions[at]; ok {
			return position
		}
	}
	return p.positions[place{noPolicy, optionPolicies, 0}]
}

// fail notes a mistake at the current token.
func (p *caddyfileParser) fail(format string, args ...any) {
	p.failAt(p.here(), fmt.Errorf(format, args...))
}

func (p *caddyfileParser) failAt(at position, err error) {
	d := caddyfile.NewDispenser([]caddyfile.Token{at.token})
	d.Next()
	p.errs = append(p.errs, positionedError{at.order, d.WrapErr(err)})
}

// err joins the mistakes in the order in which they stand.
func (p *caddyfileParser) err() error {
	slices.SortStableFunc(p.errs, func(a, b positionedError) int { return cmp.Compare(a.order, b.order) })
	return joinErrors(p.errs)
}
