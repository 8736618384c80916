// Package provision makes modules ready as Caddy does when it loads a config.
package provision

import (
	"encoding/json"
	"sync"

	"github.com/caddyserver/caddy/v2"

	caddycors "github.com/seed-9442523e/caddy-cors"
)

// quiet is the context of a config whose log is written nowhere, and is at INFO as
// Caddy's is if a config says nothing of it. Contexts without a config have a log for
// developers, which writes each decision to the console.
var quiet = sync.OnceValues(func() (caddy.Context, error) {
	var config caddy.Config
	err := json.Unmarshal([]byte(`{
		"admin": {"disabled": true},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}}
	}`), &config)
	if err != nil {
		return caddy.Context{}, err
	}
	return caddy.ProvisionContext(&config)
})

// Context returns a context to provision modules in, and what ends it.
func Context() (caddy.Context, func(), error) {
	parent, err := quiet()
	if err != nil {
		return caddy.Context{}, nil, err
	}
	ctx, cancel := caddy.NewContext(parent)
	return ctx, cancel, nil
}

// Handler makes a handler of the module ready to serve.
func Handler(h *caddycors.Handler) error {
	ctx, cancel, err := Context()
	if err != nil {
		return err
	}
	defer cancel() // it holds nothing that a handler needs to serve
	return h.Provision(ctx)
}
