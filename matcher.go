package caddycors

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

func init() {
	caddy.RegisterModule(MatchOrigin{})
}

// matcher is the compiled form of all that a policy says of origins.
type matcher struct {
	patterns *origin.Set
	regexps  []*origin.Regexp
}

// any reports whether every origin matches, a malformed one too.
func (m *matcher) any() bool { return m.patterns.Any() }

// match reports whether what was sent matches a pattern or a regular expression.
func (m *matcher) match(sent *origin.Sent) bool {
	if m.patterns.Matches(sent) {
		return true
	}
	if len(m.regexps) == 0 {
		return false
	}
	o, wellFormed := sent.Origin()
	return wellFormed && slices.ContainsFunc(m.regexps, func(re *origin.Regexp) bool { return re.Matches(o) })
}

// matcherName is the name of the request matcher, which stands in its errors where
// those of a policy have the option.
const matcherName = "cors_origin"

// MatchOrigin matches requests by their Origin header. It grants nothing to the pages
// of these origins; the `cors` handler does.
//
// A request without the header never matches. One with several, or whose value is not
// what a browser sends, matches `*` only. Clients that are no browsers send what they
// like.
type MatchOrigin struct {
	// The origins that match, as in `allow_origins` of a policy of the `cors`
	// handler: `https://app.example.com`, `https://*.example.com`,
	// `http://localhost:*`, `null`, ..., or `*`, which stands alone and matches every
	// request with an Origin header. In these, the placeholders `{env.*}`, `{file.*}`
	// and `{system.*}` are replaced when the config loads. At least one is needed.
	Origins []string `json:"origins,omitempty"`

	set *origin.Set
}

// CaddyModule returns the Caddy module information.
func (MatchOrigin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers." + matcherName,
		New: func() caddy.Module { return new(MatchOrigin) },
	}
}

// Provision compiles the patterns. The error joins the mistakes in them, each a
// [*ConfigError].
func (m *MatchOrigin) Provision(caddy.Context) error {
	errs := m.compile(caddy.NewReplacer())
	m.Origins = nil // which may be long, and are compiled
	return joinErrors(errs)
}

// compile compiles the patterns. Without a replacer, those with placeholders wait.
func (m *MatchOrigin) compile(replacer *caddy.Replacer) []*ConfigError {
	c := compiler{replacer: replacer, policy: noPolicy}
	if len(m.Origins) == 0 {
		c.fail(KindMissing, matcherName, 0, "", "nothing says which origins match", exampleOrigin)
	}
	m.set = origin.NewSet(c.compilePatterns(matcherName, m.Origins, true, func(entry, origin.Pattern) {})...)
	c.checkShapes(matcherName, m.set)
	return c.errs
}

// MatchWithError reports whether the origin of a request matches. The error is always
// nil.
func (m *MatchOrigin) MatchWithError(r *http.Request) (bool, error) {
	sent, ok := requestOrigin(r)
	return ok && m.set.Matches(&sent), nil
}

// Match is [MatchOrigin.MatchWithError] as older modules call it.
func (m *MatchOrigin) Match(r *http.Request) bool {
	match, _ := m.MatchWithError(r)
	return match
}

// UnmarshalCaddyfile reads the matcher:
//
//	cors_origin <patterns...>
//
// The error joins every mistake, in the order of the file.
func (m *MatchOrigin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	r := newPositionReader(d)
	for r.Next() { // a line of the matcher set; there may be several
		before := len(m.Origins)
		if before == 0 {
			r.mark(place{noPolicy, matcherName, 0})
		}
		for r.NextArg() {
			r.items(noPolicy, matcherName, &m.Origins)
		}
		if before > 0 && len(m.Origins) == before {
			r.fail("%s: it takes at least one value", matcherName)
		}
		for r.NextBlock(0) {
			r.fail("%s: it does not take a block; write %q on its line", matcherName, r.Val())
		}
	}
	r.failAll(m.compile(nil))
	return r.err()
}

// CELLibrary makes the matcher a function of the expression matcher:
//
//	expression cors_origin('https://app.example.com', 'https://*.example.com')
func (MatchOrigin) CELLibrary(ctx caddy.Context) (cel.Library, error) {
	const function = matcherName + "_match_request_list"
	library, err := caddyhttp.CELMatcherImpl(matcherName, function, []*cel.Type{cel.ListType(cel.StringType)},
		func(data ref.Val) (caddyhttp.RequestMatcherWithError, error) {
			origins, err := data.ConvertToNative(reflect.TypeFor[[]string]())
			if err != nil {
				return nil, err
			}
			m := &MatchOrigin{Origins: origins.([]string)}
			if slices.ContainsFunc(m.Origins, func(s string) bool { return strings.Contains(s, "ph(req, ") }) {
				return nil, errPlaceholderInExpression // Caddy made it of one inside the string
			}
			return m, m.Provision(ctx)
		})
	if err != nil {
		return nil, err
	}
	options := append(library.ProgramOptions(), cel.CustomDecorator(refuseVariable(function)))
	return caddyhttp.NewMatcherCELLibrary(library.CompileOptions(), options), nil
}

// refuseVariable refuses a call of function, when an expression is compiled, whose
// patterns are not plain strings. Caddy would compile them anew for each request, with
// what the request holds.
func refuseVariable(function string) interpreter.InterpretableDecorator {
	return func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok || call.OverloadID() != function {
			return i, nil
		}
		return nil, errPlaceholderInExpression
	}
}

var errPlaceholderInExpression = &ConfigError{
	Kind: KindPlaceholder, Option: matcherName,
	Reason: "in an expression, a placeholder has no value when the config loads",
	Fix:    `write plain strings, escape its brace as in "\{env.NAME}", or write a matcher of its own: "@name ` + matcherName + ` {env.NAME}"`,
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*MatchOrigin)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchOrigin)(nil)
	_ caddyhttp.CELLibraryProducer      = (*MatchOrigin)(nil)
	_ caddyfile.Unmarshaler             = (*MatchOrigin)(nil)
)
