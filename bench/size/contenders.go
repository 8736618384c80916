package size

import (
	"strings"

	jub0bs "github.com/jub0bs/cors"
	rs "github.com/rs/cors"

	caddycors "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/bench/internal/provision"
	"github.com/seed-9442523e/caddy-cors/bench/internal/tenants"
)

// The contenders, by name.
const (
	This     = "this module"
	Jub0bs   = "jub0bs/cors"
	RS       = "rs/cors"
	MapOfOne = "a Go map, over one string"
)

// contender makes something of a list of origins that can tell whether one is in it.
type contender struct {
	name  string
	build func(origins []string) (any, error)
}

// holders are those whose heap is measured; loaders those whose load is timed.
func holders() []contender {
	return []contender{
		{This, newHandler},
		{Jub0bs, newJub0bs},
		{RS, newRS},
		{MapOfOne, newMap},
	}
}

func loaders() []contender {
	return []contender{
		{This, newHandler},
		{Jub0bs, newJub0bs},
	}
}

func newHandler(origins []string) (any, error) {
	h := &caddycors.Handler{Policies: []*caddycors.Policy{{AllowOrigins: origins}}}
	return h, provision.Handler(h)
}

func newJub0bs(origins []string) (any, error) {
	return jub0bs.NewMiddleware(jub0bs.Config{Origins: origins})
}

func newRS(origins []string) (any, error) {
	return rs.New(rs.Options{AllowedOrigins: origins}), nil
}

// newMap is what one would write by hand, and with care.
func newMap(origins []string) (any, error) {
	var all strings.Builder
	all.Grow(tenants.Bytes(origins))
	for _, o := range origins {
		all.WriteString(o)
	}
	rest := all.String()
	set := make(map[string]struct{}, len(origins))
	for _, o := range origins {
		set[rest[:len(o)]] = struct{}{}
		rest = rest[len(o):]
	}
	return set, nil
}
