package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile" // the adapter
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers" // the directive header

	caddycors "github.com/seed-9442523e/caddy-cors"
)

// caddyfiles returns the contenders that are written into a Caddyfile, and what is
// written: nothing, this module's directive, and the snippet of a scenario.
func caddyfiles(s scenario) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if !yield(Bare, "") || !yield(This, directive(s.policy)) || s.snippet == "" {
			return
		}
		yield(s.snippet, snippets[s.snippet](s.policy))
	}
}

// directive writes a policy as the directive cors.
func directive(p caddycors.Policy) string {
	var b strings.Builder
	option := func(name string, values ...string) {
		if len(values) > 0 {
			fmt.Fprintf(&b, "\t%s %s\n", name, strings.Join(values, " "))
		}
	}
	b.WriteString("cors " + strings.Join(p.AllowOrigins, " ") + " {\n")
	option("allow_methods", p.AllowMethods...)
	option("allow_headers", p.AllowHeaders...)
	option("expose_headers", p.ExposeHeaders...)
	option("dangerously_allow", p.DangerouslyAllow...)
	option("max_age", string(p.MaxAge))
	if p.AllowCredentials {
		b.WriteString("\tallow_credentials\n")
	}
	b.WriteString("}")
	return b.String()
}

// snippets are what users copy from one another, by its contender's name, here with the
// headers that a policy asks for.
var snippets = map[string]func(caddycors.Policy) string{Named: namedSnippet, Echo: echoSnippet}

// namedSnippet is the kind that compares the origin.
func namedSnippet(p caddycors.Policy) string {
	var more strings.Builder
	if p.AllowCredentials {
		more.WriteString("\tAccess-Control-Allow-Credentials true\n")
	}
	if len(p.ExposeHeaders) > 0 {
		fmt.Fprintf(&more, "\tAccess-Control-Expose-Headers %q\n", strings.Join(p.ExposeHeaders, ", "))
	}
	return fmt.Sprintf(`@cors header Origin %[1]s
header @cors {
	Access-Control-Allow-Origin %[1]s
%[2]s}
@preflight method OPTIONS
header @preflight {
	Access-Control-Allow-Methods %[3]q
	Access-Control-Allow-Headers %[4]q
	Access-Control-Max-Age %[5]d
}
respond @preflight 204`,
		p.AllowOrigins[0], more.String(), strings.Join(p.AllowMethods, ", "), strings.Join(p.AllowHeaders, ", "), maxAge)
}

// echoSnippet is the kind that lets in whoever asks, with cookies.
func echoSnippet(caddycors.Policy) string {
	return `header Access-Control-Allow-Origin {http.request.header.Origin}
header Access-Control-Allow-Credentials true`
}

// adapt returns the routes of a site. They are not provisioned yet.
func adapt(site string) (caddyhttp.RouteList, error) {
	text := ":80 {\n" + strings.TrimSpace(site) + "\n}\n"
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		return nil, fmt.Errorf("%w, in\n%s", err, text)
	}
	var adapted struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Routes caddyhttp.RouteList }
			}
		}
	}
	if err := json.Unmarshal(config, &adapted); err != nil {
		return nil, err
	}
	for _, server := range adapted.Apps.HTTP.Servers {
		return server.Routes, nil
	}
	return nil, errors.New("the adapted config has no server")
}
