package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// explanation is what `caddy cors explain` says of a request; docs/explain.md has it.
type explanation struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Origin string `json:"origin"`
	// Readable means that the page could read the response, as far as CORS goes.
	Readable bool `json:"readable"`
	// Unserved says why no server of the config gets the request.
	Unserved string               `json:"unserved,omitempty"`
	Requests []explainedRequest   `json:"requests"`
	Warnings []explanationWarning `json:"warnings"`
}

// explainedRequest is what becomes of one of the requests that the browser sends.
type explainedRequest struct {
	Kind             string   `json:"kind"` // preflight or actual
	Method           string   `json:"method"`
	RequestedMethod  string   `json:"requested_method,omitempty"`
	RequestedHeaders []string `json:"requested_headers,omitempty"`

	Handler   *location       `json:"handler,omitempty"`
	Directive string          `json:"directive,omitempty"` // its first line in the Caddyfile
	Policy    string          `json:"policy,omitempty"`
	Match     *explainedMatch `json:"match,omitempty"`
	// Credentials is whether the page may use cookies; there if it is allowed.
	Credentials *bool `json:"credentials,omitempty"`

	// Outcome is that of the decision, or undecided where no cors handler takes one.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"` // of a denial
	// Obstacle is what keeps the request from being decided, or the answer to an
	// allowed preflight from counting.
	Obstacle string   `json:"obstacle,omitempty"`
	Change   string   `json:"change,omitempty"`
	Answer   string   `json:"answer,omitempty"` // what answers it behind cors
	Notes    []string `json:"notes,omitempty"`
	// Passes means that the browser goes on: it sends the actual request, or gives the
	// response to the page.
	Passes bool `json:"passes"`
}

// explainedMatch is the value of a policy that an origin matches.
type explainedMatch struct {
	Option string `json:"option"`
	Value  string `json:"value"`
	Line   string `json:"line,omitempty"`
}

// outcomeUndecided is that of requests which no cors handler decides about.
const outcomeUndecided = "undecided"

// explainer explains what a config does.
type explainer struct {
	ctx    caddy.Context
	config *httpConfig
	lines  caddyfileLines
	page   pageRequest
	site   *site
}

// errSourceFails is the error of a config with a source that fails. The rest is explained.
var errSourceFails = errors.New("a source of origins fails, so Caddy would not load this config")

// explain follows the requests that the browser sends. An error means that Caddy would
// not load the config.
func (e *explainer) explain() (*explanation, error) {
	p := e.page
	result := &explanation{
		Method: p.Asked.Method, URL: p.url.String(), Origin: p.origin.String(),
		Requests: []explainedRequest{}, Warnings: []explanationWarning{},
	}
	// In clear text, the URL may be what Caddy gets from something that ends TLS ahead of it.
	if b := p.Block; b != nil && b.Rule != fetch.RuleMixedContent {
		result.Unserved = "browsers send no such request. " + b.Reason()
		return result, nil
	}
	e.site, result.Unserved = e.config.siteOf(p)
	if e.site == nil {
		return result, nil
	}
	if p.SameOrigin {
		result.Readable = true
		result.Requests = append(result.Requests, explainedRequest{Kind: kindActual.String(), Method: p.Asked.Method, Outcome: outcomeSameOrigin.String(), Passes: true})
		return result, nil
	}
	loaded := make(map[string]*Handler)
	preflight, err := walkSite(e.ctx, e.site, loaded, p.served(p.Preflight))
	if err != nil {
		return nil, err
	}
	actual, err := walkSite(e.ctx, e.site, loaded, p.served(p.Request))
	if err != nil {
		return nil, err
	}
	result.Readable = true
	if p.NeedsPreflight {
		result.add(e.explainPreflight(preflight), e.failed(preflight))
	}
	result.add(e.explainActual(actual), e.failed(actual))
	for _, request := range result.Requests {
		result.Readable = result.Readable && request.Passes
	}
	result.Warnings = append(result.Warnings, e.warnings(preflight, actual)...)
	if e.failed(preflight) != nil || e.failed(actual) != nil {
		return result, errSourceFails
	}
	return result, nil
}

// add adds a request, with what there is to note of it first.
func (x *explanation) add(r explainedRequest, notes []string) {
	r.Notes = append(notes, r.Notes...)
	x.Requests = append(x.Requests, r)
}

func (e *explainer) explainPreflight(w *walk) explainedRequest {
	r := explainedRequest{
		Kind: kindPreflight.String(), Method: http.MethodOptions,
		RequestedMethod: e.page.Asked.Method, RequestedHeaders: e.page.Asked.UnsafeNames,
	}
	if w.decided == nil || w.gate != nil && !w.gate.decided {
		e.undecided(&r, w)
		return r
	}
	e.decision(&r, w.decided)
	if e.changed(&r, w.decided, e.page.Preflight, headerOrigin, headerRequestMethod, headerRequestHeaders) {
		return r
	}
	r.Passes = w.decided.decision.outcome == outcomeAllowed && e.credentials(&r, w.decided)
	if !w.decided.cors.ForwardPreflights || !r.Passes {
		return r
	}
	r.Answer = e.answerOf(w)
	switch {
	case w.gate != nil:
		r.Passes = false
		r.Obstacle = fmt.Sprintf("forward_preflights hands it on to %s, and preflights have no credentials", e.named(w.gate))
	case w.ending != nil && w.ending.status != 0 && (w.ending.status < 200 || w.ending.status > 299):
		r.Passes = false
		r.Obstacle = fmt.Sprintf("forward_preflights hands it on to %s, which answers with status %d; browsers take 200 to 299 only", e.named(w.ending.visit), w.ending.status)
	case w.ending != nil && w.ending.status == 0:
		r.Notes = append(r.Notes, fmt.Sprintf("forward_preflights: the status is that of %s; browsers take 200 to 299 only", e.named(w.ending.visit)))
	}
	if !r.Passes {
		r.Change = "take out forward_preflights"
	}
	return r
}

func (e *explainer) explainActual(w *walk) explainedRequest {
	r := explainedRequest{Kind: kindActual.String(), Method: e.page.Asked.Method}
	if w.decided == nil {
		e.undecided(&r, w)
		return r
	}
	d := w.decided
	e.decision(&r, d)
	if d.decision.outcome != outcomeNotCORS && e.changed(&r, d, e.page.Request, headerOrigin) {
		return r
	}
	// Where a handler ahead took the Origin away, an open policy answers all the same.
	r.Passes = d.decision.outcome == outcomeAllowed && e.credentials(&r, d) ||
		d.decision.outcome == outcomeNotCORS && d.cors.policies.open != nil && !e.page.credentials
	if !d.cors.answers(d.decision) {
		r.Answer = e.answerOf(w)
		if d.cors.UpstreamHeaders == upstreamKeep {
			r.Notes = append(r.Notes, "upstream_headers keep: a response with an Access-Control-Allow-Origin of its own keeps it, and that decides")
		}
	} else {
		r.Notes = append(r.Notes, "enforce: cors answers with status 403, and nothing behind it gets the request")
	}
	if w.gate != nil && !w.gate.decided {
		r.Notes = append(r.Notes, fmt.Sprintf("if %s lets it pass", e.named(w.gate)))
	}
	return r
}

// credentials reports whether an allowed request may have the credentials that it has, and
// says so if it may not.
func (e *explainer) credentials(r *explainedRequest, d *decidedVisit) bool {
	if !e.page.credentials || d.decision.policy.credentials {
		return true
	}
	r.Obstacle = "the request has credentials, which the policy does not allow"
	index := slices.Index(d.cors.policies.list, d.decision.policy)
	r.Change = fmt.Sprintf("%s: write %s, if the page needs its cookies", e.lineOfPlace(d.visit, place{index, optionAllowOrigins, 0}), optionAllowCredentials)
	return false
}

// changed reports whether a handler ahead of cors changed one of the headers that the
// browser sent, or the method of a preflight, and says so: what was decided is then about
// something else.
func (e *explainer) changed(r *explainedRequest, d *decidedVisit, sent *http.Request, names ...string) bool {
	if p := d.decision.policy; p != nil && p.origins.any() && !p.credentials {
		names = names[1:] // whatever the origin, the answer is the same
	}
	what := ""
	for _, name := range names {
		if !slices.Equal(d.request.Header[name], sent.Header[name]) {
			what = name
		}
	}
	if d.request.Method != sent.Method && sent.Method == http.MethodOptions {
		what = "method"
	}
	if what == "" {
		return false
	}
	*r = explainedRequest{
		Kind: r.Kind, Method: r.Method, RequestedMethod: r.RequestedMethod, RequestedHeaders: r.RequestedHeaders,
		Handler: r.Handler, Directive: r.Directive, Outcome: outcomeUndecided,
		Obstacle: "a handler ahead changes the " + what + " that the browser sent",
		Change:   "write cors ahead of that handler",
	}
	return true
}

// decision says what a cors handler decided.
func (e *explainer) decision(r *explainedRequest, d *decidedVisit) {
	handler := e.lines.locate(d.visit)
	r.Handler = &handler
	if directives := e.lines.cors(d.raw); len(directives) == 1 {
		r.Directive = directives[0].text()
	}
	r.Policy = d.decision.policyName()
	r.Outcome, r.Reason = d.decision.outcome.String(), d.decision.reason.String()
	if d.decision.policy != nil {
		r.Match = e.matchOf(d)
		if d.decision.outcome == outcomeAllowed {
			r.Credentials = &d.decision.policy.credentials
		}
	}
	r.Change = e.changeOf(d)
	r.Notes = append(r.Notes, e.untold(d)...)
}

// changeOf returns what to write so that a denied request is allowed, as the log has it,
// and where.
func (e *explainer) changeOf(d *decidedVisit) string {
	if d.decision.outcome == outcomeNotCORS {
		return "a handler ahead takes the Origin out of the request; put cors ahead of it"
	}
	hint := d.cors.hint(d.decision, d.request)
	if hint == "" {
		return ""
	}
	at := place{noPolicy, optionPolicies, 0}
	switch index := slices.Index(d.cors.policies.list, d.decision.policy); d.decision.reason {
	case reasonMethodNotAllowed:
		at = place{index, optionAllowMethods, 0}
	case reasonHeaderNotAllowed:
		at = place{index, optionAllowHeaders, 0}
	case reasonOriginNotAllowed:
		if len(d.cors.Policies) == 1 {
			at = place{0, optionAllowOrigins, 0}
		}
	}
	return e.lineOfPlace(d.visit, at) + ": " + hint
}

// undecided says why no cors handler decides about a request.
func (e *explainer) undecided(r *explainedRequest, w *walk) {
	r.Outcome = outcomeUndecided
	switch {
	case r.Kind == kindPreflight.String() && w.gate != nil && !w.gate.decided:
		r.Obstacle = e.named(w.gate) + " comes first, and preflights have no credentials"
		r.Change = fmt.Sprintf("write cors ahead of %s: at the level of the site, or ahead of it in a route block", w.gate.directive())
		return
	case w.ending != nil && w.ending.path == automaticPath:
		r.Obstacle = "Caddy redirects plain HTTP to HTTPS ahead of all handlers, and browsers follow no redirect without CORS headers, nor any of a preflight"
		r.Change = "let the page call https://"
		return
	case w.ending != nil && w.ending.redirect:
		r.Obstacle = fmt.Sprintf("%s redirects (status %d), and no cors comes ahead of it", e.named(w.ending.visit), w.ending.status)
	case w.ending != nil:
		r.Obstacle = e.named(w.ending.visit) + " answers, and no cors comes ahead of it; the page can read the answer only if it brings its own CORS headers"
	case !w.matched && len(e.site.hosts) > 0 && !isHost(e.site.hosts, e.page.url.Host):
		r.Obstacle = fmt.Sprintf("no site of this config is for the host %s; its hosts: %s", quoted(e.page.url.Hostname()), shown(joined(e.site.hosts, ", ")))
		return
	case !w.matched:
		r.Obstacle = "no route of this config is for this request"
	default:
		r.Obstacle = "the request meets no cors"
	}
	for _, v := range w.met {
		if v.cors != nil {
			r.Obstacle = "the only cors that the request meets is report_only"
			r.Change = fmt.Sprintf("%s: take out report_only, with which cors decides nothing", e.lines.locate(&v))
			return
		}
	}
	r.Change = fmt.Sprintf("write %q into the site", "cors "+e.page.origin.String())
	for _, missed := range w.missed {
		if !missed.cors.cors.ReportOnly && !slices.Contains(missed.by, traitHost) {
			r.Change = fmt.Sprintf("%s: there is a cors, but its matcher does not match (%s)", e.lines.locate(missed.cors), missed.reasons())
			return
		}
	}
}

// named returns a handler as the Caddyfile has it, and where it stands.
func (e *explainer) named(v *visit) string {
	return fmt.Sprintf("%s (%s)", shown(v.directive()), e.lines.locate(v))
}

// answerOf says what answers a request that cors lets pass.
func (e *explainer) answerOf(w *walk) string {
	switch {
	case w.ending == nil:
		return "nothing but Caddy's empty response"
	case w.ending.redirect:
		return fmt.Sprintf("%s, with a redirect (status %d)", e.named(w.ending.visit), w.ending.status)
	}
	return e.named(w.ending.visit)
}

// matchOf returns the value of the policy that the origin matches. Values are tried one
// by one, as the compiled policy does not tell.
func (e *explainer) matchOf(d *decidedVisit) *explainedMatch {
	index := slices.Index(d.cors.policies.list, d.decision.policy)
	var written Handler // a handler that is loaded keeps only some of its origins
	_ = json.Unmarshal(d.raw, &written)
	config := written.Policies[index]
	c := compiler{replacer: caddy.NewReplacer(), policy: index}
	var match *explainedMatch
	c.compilePatterns(optionAllowOrigins, config.AllowOrigins, true, func(entry entry, pattern origin.Pattern) {
		if match == nil && origin.NewSet(pattern).Contains(e.page.origin) {
			at := place{index, optionAllowOrigins, entry.index}
			match = &explainedMatch{optionAllowOrigins, entry.text, e.lineOfPlace(d.visit, at)}
		}
	})
	if match != nil {
		return match
	}
	for i, expr := range config.AllowOriginRegex {
		expanded, _ := c.expandRegex(i, expr)
		if re, err := origin.CompileRegexp(expanded); err == nil && re.Matches(e.page.origin) {
			at := place{index, optionAllowOriginRegex, i}
			return &explainedMatch{optionAllowOriginRegex, expr, e.lineOfPlace(d.visit, at)}
		}
	}
	sent := origin.NewSent(e.page.origin.String())
	if s := d.decision.policy.sourceOf(d.request, &sent); s != nil {
		at := place{index, optionAllowOriginsFrom, s.index}
		return &explainedMatch{optionAllowOriginsFrom, sourceText(config.AllowOriginsFromRaw[s.index]), e.lineOfPlace(d.visit, at)}
	}
	return nil
}

// lineOfPlace returns the line of a value of a handler, or where the handler stands, if
// it may be in several places.
func (e *explainer) lineOfPlace(v *visit, at place) string {
	directives := e.lines.cors(v.raw)
	if len(directives) == 1 {
		return lineOf(directives[0].reader.position(at).token)
	}
	return e.lines.locate(v).String()
}

// reasons returns what did not match.
func (m missedRoute) reasons() string {
	var all []string
	for _, trait := range slices.Compact(slices.Clone(m.by)) {
		all = append(all, shown(string(trait)))
	}
	return strings.Join(all, ", ")
}
