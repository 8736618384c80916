package caddycors

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/source"
)

// Policy says which origins may read responses, and what they may send.
//
// In origins, methods and header names, the placeholders `{env.*}`, `{file.*}` and
// `{system.*}` are replaced when the config loads; a value with one may hold several
// entries, split at commas and white space.
type Policy struct {
	// The name of the policy in logs, of `a-z 0-9 _ -`. Default: `policy0`,
	// `policy1`, ... by position.
	Name string `json:"name,omitempty"`

	// The origins that may read responses. Each is an origin as browsers send it
	// (`https://app.example.com`, `http://localhost:3000`), which may leave open the
	// port (`http://localhost:*`), the subdomain (`https://*.example.com`), part of
	// the leftmost label (`https://shop-*.example.com`) or the host (`https://*`). `*`
	// is every origin and `none` is no origin; each of them stands alone. A policy
	// needs this, `allow_origin_regex` or `allow_origins_from`.
	AllowOrigins []string `json:"allow_origins,omitempty"`

	// Regular expressions (RE2) of origins that may read responses, matched against
	// the whole of a well-formed origin. In these, `{env.*}`, `{file.*}` and
	// `{system.*}` stand for their value, quoted. Default: none.
	AllowOriginRegex []string `json:"allow_origin_regex,omitempty"`

	// Where more origins that may read responses are found while the server runs, such as
	// a file. All that a policy refuses of an origin in the config, it refuses of these.
	// Default: none.
	AllowOriginsFromRaw []json.RawMessage `json:"allow_origins_from,omitempty" caddy:"namespace=http.cors.origins inline_key=source"`

	// The methods that pages may use, or `*` for all. GET, HEAD and POST always may.
	// Default: GET, HEAD, POST, PUT, PATCH and DELETE.
	AllowMethods []string `json:"allow_methods,omitempty"`

	// The request headers that pages may set; `*` for all but Authorization, which
	// may stand beside it; or `none`. Default: `*` and Authorization.
	AllowHeaders []string `json:"allow_headers,omitempty"`

	// The response headers that pages may read beside the safelisted ones, or `*` for
	// all. Default: none.
	ExposeHeaders []string `json:"expose_headers,omitempty"`

	// Let pages read responses to requests with cookies, client certificates or
	// remembered passwords. Default: false.
	AllowCredentials bool `json:"allow_credentials,omitempty"`

	// How long browsers may remember the answer to a preflight: whole seconds from
	// `1s` to `24h`, or `off`. Chromium keeps it for 2h at most, WebKit for 10m.
	// Default: `10m`.
	MaxAge MaxAge `json:"max_age,omitempty"`

	// The risks that this policy takes: `any_origin_with_credentials`, `null_origin`,
	// `insecure_origins`, `public_suffixes`. What needs one does not load without it;
	// each one in force is logged when the config loads. Default: none.
	DangerouslyAllow []string `json:"dangerously_allow,omitempty"`
}

// MaxAge is a duration with its unit, such as "10m", or "off".
type MaxAge string

// UnmarshalJSON takes a string. It takes anything else too, as it is written, so that
// it is refused along with the other mistakes of a config and with a fix.
func (m *MaxAge) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = string(data)
	}
	*m = MaxAge(s)
	return nil
}

// policies are the compiled policies of a handler.
type policies struct {
	list []*policy

	// open is the only policy, if that is "*" without credentials: then nothing
	// depends on the origin, and its headers are on every response. Else nil.
	open *policy

	unmatched *records // of requests that no policy matched
}

// policy is a compiled policy: what a request needs, as it needs it.
type policy struct {
	name        string
	origins     matcher
	size        int // how many patterns and regular expressions there are
	credentials bool
	records     *records

	rules         source.Rules // that origins of the sources are held to
	sourceConfigs []json.RawMessage
	sources       []namedSource
	missing       []missingSource

	anyMethod bool
	methods   []string

	anyHeader     bool
	authorization bool                // whether Authorization is listed beside "*"
	headers       map[string]struct{} // in lower case

	// Values of response headers; one that is empty is left out.
	allowMethods  string
	allowHeaders  string
	exposeHeaders string
	maxAge        string
	preflightVary string

	// exposeAll: with credentials "*" exposes nothing, so the names that a response
	// has are written (Fetch, main fetch, step 14.1).
	exposeAll bool
}

// matches reports whether the policy is for this origin. A malformed one is for "*"
// without credentials only, which answers it as it would any other.
func (p *policy) matches(r *http.Request, sent *origin.Sent) bool {
	if p.credentials && p.origins.any() {
		_, wellFormed := sent.Origin()
		return wellFormed
	}
	return p.origins.match(sent) || p.sources != nil && p.sourceOf(r, sent) != nil
}

// grantsAll reports whether the policy grants every origin alike, by "*".
func (p *policy) grantsAll() bool { return p.origins.any() && !p.credentials }

// allowsMethod reports whether a page may use method, the value of
// Access-Control-Request-Method. GET, HEAD and POST need no permission (Fetch,
// CORS-preflight fetch, step 7.5).
func (p *policy) allowsMethod(method string) bool {
	if fetch.IsSafelistedMethod(method) || slices.Contains(p.methods, method) {
		return true
	}
	return p.anyMethod && fetch.IsToken(method) && !fetch.IsForbiddenMethod(method)
}

// allowsHeaders reports whether a page may set all the headers that the lines of
// Access-Control-Request-Headers name.
func (p *policy) allowsHeaders(lines []string) bool {
	return eachRequestedName(lines, p.allowsHeader)
}

func (p *policy) allowsHeader(name string) bool {
	if p.anyHeader {
		// "*" is no wildcard for Authorization (Fetch, CORS-preflight fetch, step 7.6).
		return fetch.IsToken(name) && (p.authorization || !strings.EqualFold(name, headerAuthorization))
	}
	if _, ok := p.headers[name]; ok {
		return true // in lower case, as browsers send it
	}
	_, ok := p.headers[strings.ToLower(name)]
	return ok && fetch.IsToken(name) // ToLower makes ASCII of some that is none
}
