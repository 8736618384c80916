package caddycors

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// explanationWarning is something about a request that the decision does not tell.
type explanationWarning struct {
	// Code is what sort of warning it is, for programs.
	Code string `json:"code"`
	Text string `json:"text"`
}

// warnings returns what is wrong, or may be, around the decision. The preflight was
// followed in any case, as some other request of the page may need one.
func (e *explainer) warnings(preflight, actual *walk) []explanationWarning {
	var all []explanationWarning
	warn := func(code, format string, args ...any) {
		warning := explanationWarning{code, fmt.Sprintf(format, args...)}
		if !slices.Contains(all, warning) {
			all = append(all, warning)
		}
	}
	if b := e.page.Block; b != nil && b.Rule == fetch.RuleMixedContent {
		warn("mixed_content", "browsers let no https:// page call an http:// URL; let the page call https://")
	}
	e.warnOfWays(warn, preflight, actual)
	e.warnOfHeaders(warn, actual)
	e.warnOfErrorRoutes(warn, actual)
	for _, w := range []*walk{preflight, actual} {
		e.warnOfAssumptions(warn, w)
	}
	return all
}

// warner takes a warning.
type warner func(code, format string, args ...any)

// warnOfWays tells what is wrong with the ways that the requests take.
func (e *explainer) warnOfWays(warn warner, preflight, actual *walk) {
	d := actual.decided
	if d == nil {
		return
	}
	at := e.lines.locate(d.visit)
	if gate := actual.gate; gate != nil && !gate.decided {
		warn("authentication_first", "%s comes before the cors of %s: it stops preflights, and its own answers have no CORS headers; at the level of the site, cors comes first", e.named(gate), at)
	} else if preflight.decided == nil || preflight.decided.path != d.path {
		why := ""
		for _, missed := range preflight.missed {
			if strings.HasPrefix(d.path, missed.path+"/") {
				why = fmt.Sprintf(", as a matcher leaves them out (%s)", missed.reasons())
			}
		}
		warn("preflights_left_out", "preflights do not get to the cors of %s%s; cors has to match OPTIONS, too", at, why)
	}
	if d.byPage {
		warn("origin_matcher", "a matcher ahead of the cors of %s looks at Origin: responses to all others lack their Vary; let cors tell the origins apart", at)
	}
	if actual.ending != nil && actual.ending.redirect && !d.cors.answers(d.decision) {
		warn("redirect", "%s redirects (status %d): the page gets to read the response if the other URL allows it as well", e.named(actual.ending.visit), actual.ending.status)
	}
	if !d.always {
		return
	}
	for _, v := range actual.met {
		if v.decided && v.cors != nil && !v.cors.ReportOnly {
			warn("never_decides", "the cors of %s never decides here, as that of %s comes first and has no matcher of its own", e.lines.locate(&v), at)
		}
	}
}

// warnOfHeaders tells which headers that others set are replaced by those of cors, and
// which replace them.
func (e *explainer) warnOfHeaders(warn warner, w *walk) {
	if w.decided == nil || w.decided.cors.UpstreamHeaders == upstreamKeep {
		return
	}
	for _, v := range w.met {
		names := corsFieldsOf(v.raw)
		if v.cors != nil || len(names) == 0 {
			continue
		}
		what := fmt.Sprintf("what %s (%s) does to %s", shown(v.directive()), e.lines.locate(&v, names...), shown(joined(names, ", ")))
		if !v.decided && v.name == "headers" && isDeferred(v.raw) {
			warn("header_overrides", "%s comes on top of what cors writes, as it is deferred and around cors; take it out", what)
			continue
		}
		warn("header_without_effect", "%s has no effect here, as cors writes its own", what)
	}
}

// warnOfErrorRoutes tells of error routes that set CORS headers: these are beyond cors.
func (e *explainer) warnOfErrorRoutes(warn warner, w *walk) {
	if w.decided == nil || e.site.server.Errors == nil {
		return
	}
	path := e.site.path + "/errors/routes"
	for _, route := range located(e.site.server.Errors.Routes, path) {
		if names := hostsOf(*route.Route); names != nil && !isHost(names, e.page.url.Host) || firstCORS(route.HandlersRaw) != nil {
			continue
		}
		handlers, _ := json.Marshal(route.HandlersRaw)
		if names := corsFieldsOf(handlers); len(names) > 0 {
			warn("error_route", "an error route (%s) sets %s, which comes on top of what cors writes, or in its place; take it out", shown(route.path), shown(joined(names, ", ")))
		}
	}
}

// warnOfAssumptions tells what is not known of the requests, or of the config.
func (e *explainer) warnOfAssumptions(warn warner, w *walk) {
	if len(e.site.others) > 0 {
		warn("several_servers", "other servers listen on this port as well, at other addresses: %s", shown(joined(e.site.others, ", ")))
	}
	if w.looked[traitClient] {
		warn("client_address", "a matcher looks at the client's address, which is taken to be %s", clientAddress)
	}
	for _, v := range w.met {
		role, _ := roleOf(&v, w.request)
		switch {
		case v.decided:
		case role == roleUnknown:
			warn("unknown_handler", "%s is not a handler of Caddy itself; it is taken to pass the request on as it is", e.named(&v))
		case role == rolePasses && v.name == "file_server":
			warn("file_server", "%s passes on what it has no file for, which is taken to be so", e.named(&v))
		}
	}
}
