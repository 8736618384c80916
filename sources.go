package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/source"
)

// What allow_origins_from is about: sources of origins, which are guest modules.

// sourceKey is where the JSON config of a source says of which kind it is.
const sourceKey = "source"

// namedSource is a source of a policy.
type namedSource struct {
	source.Source
	name  string // in metrics: its kind, and a number if the policy has several of that kind
	index int    // in the config of the policy
}

// loadSources loads the sources of the policy. It returns all that is wrong with them.
func (p *policy) loadSources(ctx caddy.Context) (errs []error) {
	ctx = source.WithPolicy(ctx, source.Policy{Name: p.name, Rules: p.rules})
	unasked, explained := ctx.Value(unaskedKey{}).(func(kind string) bool)
	kinds := make(map[string]int)
	for index, raw := range p.sourceConfigs {
		kind := kindOfSource(raw)
		if err := checkKind(kind, index); err != nil {
			err.Policy = p.name
			errs = append(errs, err)
			continue
		}
		if explained && unasked(kind) {
			p.missing = append(p.missing, missingSource{index, nil})
			continue
		}
		s, err := loadSource(ctx, raw)
		switch {
		case err != nil && explained:
			p.missing = append(p.missing, missingSource{index, err})
			continue
		case err != nil:
			errs = append(errs, fmt.Errorf("policy %s: %s %s: %w", p.name, optionAllowOriginsFrom, kind, err))
			continue
		}
		kinds[kind]++
		name := kind
		if n := kinds[kind]; n > 1 {
			name += strconv.Itoa(n)
		}
		p.sources = append(p.sources, namedSource{s, name, index})
	}
	return errs
}

// unaskedKey is the key of a context in which a config is explained, and not run: some kinds of
// sources are not loaded, and those that fail do not keep the rest from it.
type unaskedKey struct{}

// missingSource is a source that was not loaded where a config is explained.
type missingSource struct {
	index int   // in the config of the policy
	err   error // with which it failed, or nil if it is not asked
}

// checkKind refuses what is no kind of source, at an index of a list in JSON. It shows no more
// of the config than the kind, as the rest may have secrets in it.
func checkKind(kind string, index int) *ConfigError {
	switch {
	case kind == "":
		return &ConfigError{
			Kind: KindMalformed, Option: optionAllowOriginsFrom,
			Reason: fmt.Sprintf("position %d is no object that names the kind of a source", index),
			Fix:    `write it like {"source": "file", "path": "/etc/caddy/origins.txt"}; there is ` + kindsOfSources(),
		}
	case !isKind(kind):
		return noSuchSource(kind)
	}
	return nil
}

func isKind(name string) bool {
	_, err := caddy.GetModule(source.Namespace + "." + name)
	return err == nil
}

func noSuchSource(kind string) *ConfigError {
	return &ConfigError{
		Kind: KindMalformed, Option: optionAllowOriginsFrom, Value: kind,
		Reason: "there is no such source in this Caddy", Fix: "there is " + kindsOfSources(),
	}
}

// kindOfSource returns the kind of a source, or "" if its config does not tell.
func kindOfSource(raw json.RawMessage) string {
	var config map[string]any
	_ = json.Unmarshal(raw, &config)
	kind, _ := config[sourceKey].(string)
	return kind
}

// loadSource loads one source.
func loadSource(ctx caddy.Context, raw json.RawMessage) (source.Source, error) {
	one := struct {
		Raw json.RawMessage `caddy:"namespace=http.cors.origins inline_key=source"`
	}{slices.Clone(raw)}
	module, err := ctx.LoadModule(&one, "Raw")
	if err != nil {
		// The error tells twice of which kind it is, and is of no type.
		kind := kindOfSource(raw)
		return nil, errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("loading module '%s': provision %s.%[1]s: ", kind, source.Namespace)))
	}
	s, ok := module.(source.Source)
	if !ok {
		return nil, errors.New("this module is no source of origins")
	}
	return s, nil
}

// sourceOf returns the source that allows what was sent, or nil.
func (p *policy) sourceOf(r *http.Request, sent *origin.Sent) *namedSource {
	o, wellFormed := sent.Origin()
	if !wellFormed || !p.rules.Allow(o) {
		return nil
	}
	for i := range p.sources {
		if s := &p.sources[i]; s.AllowsOrigin(r, o.String()) {
			return s
		}
	}
	return nil
}

// source reads a source: its kind, and what that takes.
func (p *caddyfileParser) source(policy int, config *Policy) {
	if !p.NextArg() {
		p.fail("%s: it takes the kind of a source; there is %s", optionAllowOriginsFrom, kindsOfSources())
		return
	}
	p.mark(place{policy, optionAllowOriginsFrom, len(config.AllowOriginsFromRaw)})
	// Also if it failed, lest it is said that the policy has no origins.
	config.AllowOriginsFromRaw = append(config.AllowOriginsFromRaw, p.unmarshalSource())
}

// unmarshalSource reads the source whose kind is the current token, and returns it as JSON.
func (p *caddyfileParser) unmarshalSource() json.RawMessage {
	kind, at := p.Val(), p.here()
	if !isKind(kind) {
		p.fail("%w", noSuchSource(kind))
		p.skip()
		return nil
	}
	module, err := caddyfile.UnmarshalModule(p.Dispenser, source.Namespace+"."+kind)
	if err != nil {
		p.errs = append(p.errs, positionedError{at.order, err}) // which tells the line
		return nil
	}
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(module, sourceKey, kind, &warnings)
	for _, w := range warnings {
		p.failAt(at, errors.New(w.Message))
	}
	return raw
}

// kindsOfSources names the kinds of sources that there are.
func kindsOfSources() string {
	var names []string
	for _, m := range caddy.GetModules(source.Namespace) {
		names = append(names, m.ID.Name())
	}
	return strings.Join(names, ", ")
}
