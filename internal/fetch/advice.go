package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Reason says in plain words why the browser blocks. What it quotes of the server is cut
// short, and printable.
func (b Block) Reason() string {
	switch b.Rule {
	case RuleForbiddenMethod:
		return "No script can send " + short(b.Subject) + "."
	case RuleBadPort:
		return "Browsers send no HTTP to this port, which is another protocol's."
	case RuleMixedContent:
		return "The page was loaded over https://, so browsers let it fetch nothing over http:// (mixed content)."
	case RulePreflightRedirect:
		return fmt.Sprintf("The answer to the preflight is a redirect (%d) to %q, and browsers follow none here.", b.Status, short(b.Value))
	case RulePreflightStatus:
		return fmt.Sprintf("The answer to the preflight has status %d, and browsers take 200 to 299 only.%s", b.Status, b.cause())
	case RuleAllowMethodsMalformed:
		return fmt.Sprintf("Access-Control-Allow-Methods %q is no list of methods: it separates them by commas, without quotes. Browsers then ignore the whole list.", short(b.Value))
	case RuleAllowHeadersMalformed:
		return fmt.Sprintf("Access-Control-Allow-Headers %q is no list of header names: it separates them by commas, without quotes. Browsers then ignore the whole list.", short(b.Value))
	case RuleAllowMethods:
		return b.notListed(allowMethods, "The method "+short(b.Subject))
	case RuleAllowHeaders, RuleAllowHeadersAuthorization:
		return b.notListed(allowHeaders, "The request header "+short(b.Subject))
	case RuleRedirectLocation:
		if b.Lines > 1 {
			return fmt.Sprintf("The redirect has %d lines of Location.", b.Lines)
		}
		return fmt.Sprintf("The redirect's Location %q is no URL.", short(b.Value))
	case RuleRedirectScheme:
		return fmt.Sprintf("The redirect to %q leads out of HTTP.", short(b.Value))
	case RuleRedirectCount:
		return fmt.Sprintf("There are more than %d redirects.", maxRedirects)
	case RuleRedirectCredentials:
		return "The redirect leads to a URL with a user or a password in it."
	}
	return b.checkReason()
}

// checkReason is the reason for which the CORS check failed.
func (b Block) checkReason() string {
	answer := "response"
	if b.Preflight {
		answer = "answer to the preflight"
	}
	switch b.Rule {
	case RuleAllowOriginMissing:
		return fmt.Sprintf("The %s (status %d) has no Access-Control-Allow-Origin.%s", answer, b.Status, b.cause())
	case RuleAllowOriginWildcard:
		return fmt.Sprintf(`The %s has Access-Control-Allow-Origin: *, which is no wildcard for requests with credentials.`, answer)
	case RuleAllowOriginSeveral:
		if b.Lines > 1 {
			return fmt.Sprintf("The %s has %d lines of Access-Control-Allow-Origin (%s). Browsers take one only, even if all are equal.", answer, b.Lines, short(b.Value))
		}
		return fmt.Sprintf("The %s lists origins in Access-Control-Allow-Origin (%s). Browsers take one only.", answer, short(b.Value))
	case RuleAllowOriginMismatch:
		return fmt.Sprintf("Access-Control-Allow-Origin of the %s is %q, but the request's Origin is %q%s.", answer, short(b.Value), short(b.Origin), b.mismatch())
	}
	if b.Lines == 0 { // RuleAllowCredentials
		return fmt.Sprintf("The request has credentials, but the %s has no Access-Control-Allow-Credentials: true.", answer)
	}
	return fmt.Sprintf("Access-Control-Allow-Credentials of the %s is %q. Browsers take exactly true, in lower case, once.", answer, short(b.Value))
}

// notListed is the reason for which a method or a header is not allowed.
func (b Block) notListed(header, what string) string {
	var why string
	eachItem([]string{b.Value}, func(item string) {
		switch {
		case item == wildcard && b.Subject == authorization:
			why = `, and "*" does not cover it`
		case item == wildcard:
			why = `: with credentials, "*" is no wildcard`
		case strings.EqualFold(item, b.Subject):
			why = fmt.Sprintf(": %s is there, but methods are case-sensitive", short(item))
		}
	})
	if b.Lines == 0 {
		return fmt.Sprintf("%s needs permission, but the answer to the preflight has no %s.", what, header)
	}
	return fmt.Sprintf("%s is not in %s (%s)%s.", what, header, short(b.Value), why)
}

// cause names what mostly gives such a status without the headers.
func (b Block) cause() string {
	switch s := b.Status; {
	case b.Preflight && s == http.StatusUnauthorized:
		return " Preflights carry no credentials: authentication has to let them pass, or to come behind CORS."
	case b.Preflight && s == http.StatusForbidden:
		return " Either the server does not know this origin, or it asks for credentials, which no preflight carries."
	case b.Preflight && (s == http.StatusNotFound || s == http.StatusMethodNotAllowed || s == http.StatusNotImplemented):
		return " It seems that nothing answers OPTIONS here."
	case isRedirect(s):
		return " It is a redirect, which browsers follow only if it has the header itself."
	case s >= 500:
		return " The server failed; it may be that only its errors lack the header."
	case !b.Preflight && s >= 400:
		return " It may be that only the server's errors lack the header."
	}
	return ""
}

// mismatch says in what Access-Control-Allow-Origin is not the origin, where that is
// known.
func (b Block) mismatch() string {
	value, origin := b.Value, b.Origin
	got, err := url.Parse(value)
	want, _ := url.Parse(origin)
	switch {
	case value == "":
		return ": it is empty"
	case origin == "null":
		return ", which browsers send after some redirects, and from sandboxed pages and files"
	case value == "null":
		return `: "null" is the origin of sandboxed pages and files only`
	case strings.Trim(value, `"' `) == origin:
		return ": take the quotes or spaces away"
	case strings.EqualFold(value, origin):
		return ": they differ in case, and an origin is in lower case"
	case strings.EqualFold(strings.TrimSuffix(value, "/"), origin):
		return ": an origin has no trailing slash"
	case strings.Contains(value, wildcard):
		return `: browsers know no patterns here, only "*" alone`
	case !strings.Contains(value, "://"):
		return ": an origin starts with its scheme"
	case err != nil || want == nil || got.Hostname() != want.Hostname():
		return ""
	case got.Scheme != want.Scheme:
		return ": the scheme differs"
	case got.Port() != want.Port():
		return ": the port differs, and a default port is left out"
	}
	return ": an origin ends behind the host and the port"
}

// Answer returns an answer with which the browser goes on, as a line of HTTP each: the
// status of one to a preflight, and headers. It is nil if no header helps.
func (b Block) Answer(a Asked) []string {
	switch b.Rule {
	case RuleForbiddenMethod, RuleBadPort, RuleMixedContent,
		RuleRedirectLocation, RuleRedirectScheme, RuleRedirectCount, RuleRedirectCredentials:
		return nil
	}
	var lines []string
	add := func(name string, values ...string) {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	if b.Preflight {
		lines = append(lines, "204 No Content")
	}
	switch {
	case a.Origin != "null":
		add(allowOrigin, a.Origin)
	case a.Credentials:
		return nil // it would be for every sandboxed page
	default:
		add(allowOrigin, wildcard)
	}
	if a.Credentials {
		add(allowCredentials, "true")
	}
	if b.Preflight && !IsSafelistedMethod(a.Method) {
		method := a.Method
		if isLowerCasePatch(method) {
			method = http.MethodPatch // the page has to change as well
		}
		granted, _ := b.GrantedMethods()
		add(allowMethods, a.with(granted, method)...)
	}
	if b.Preflight && len(a.UnsafeNames) > 0 {
		granted, _ := b.GrantedHeaders()
		add(allowHeaders, a.with(granted, a.UnsafeNames...)...)
	}
	if a.Origin != "null" {
		add(vary, "Origin")
	}
	return lines
}

// GrantedMethods returns the methods that the answer to a preflight lists, and whether the
// block is about that list. Those that are written badly are there, too.
func (b Block) GrantedMethods() (methods []string, ok bool) {
	return b.granted(RuleAllowMethods, RuleAllowMethodsMalformed)
}

// GrantedHeaders is [Block.GrantedMethods] for the names of request headers.
func (b Block) GrantedHeaders() (names []string, ok bool) {
	return b.granted(RuleAllowHeaders, RuleAllowHeadersAuthorization, RuleAllowHeadersMalformed)
}

func (b Block) granted(rules ...Rule) (items []string, ok bool) {
	if !slices.Contains(rules, b.Rule) {
		return nil, false
	}
	const most, mostBytes = 30, 100 // it is the server's list
	for item := range strings.FieldsFuncSeq(b.Value, func(c rune) bool { return !IsToken(string(c)) }) {
		if len(items) == most {
			break
		}
		if len(item) <= mostBytes && !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items, true
}

// with returns a list of a server with more items, each once, and with "*" only where it
// is a wildcard.
func (a Asked) with(list []string, more ...string) []string {
	list = slices.DeleteFunc(list, func(item string) bool {
		return item == wildcard && a.Credentials || slices.ContainsFunc(more, func(other string) bool { return strings.EqualFold(item, other) })
	})
	return append(list, more...)
}

// isLowerCasePatch reports whether a method is meant to be PATCH, which browsers do not
// upper-case.
func isLowerCasePatch(method string) bool {
	return strings.EqualFold(method, http.MethodPatch) && method != http.MethodPatch
}

// Advice says what to change where no header helps, or where something better does, and
// is "" else.
func (b Block) Advice() string {
	switch b.Rule {
	case RuleForbiddenMethod:
		return "Let the page use another method."
	case RuleBadPort:
		return "Serve it on another port, such as 8080."
	case RuleMixedContent:
		return "Let the page call " + short("https"+strings.TrimPrefix(b.URL, "http")) + "."
	case RulePreflightRedirect:
		return "Let the page call the URL that the redirect leads to, or answer preflights ahead of what redirects."
	case RulePreflightStatus:
		return "Answer preflights with status 204, ahead of authentication and routing."
	case RuleAllowMethods:
		if isLowerCasePatch(b.Subject) {
			return "Let the page write PATCH."
		}
	case RuleRedirectLocation, RuleRedirectScheme:
		return "Let the redirect have one Location, with a URL of http:// or https://."
	case RuleRedirectCount:
		return "Let the page call the URL that the redirects are to lead to."
	case RuleRedirectCredentials:
		return "Take the user and the password out of the Location."
	}
	redirected := b.First != b.URL && b.First != ""
	switch {
	case isRedirect(b.Status):
		return "Let the page call the URL that the redirect leads to."
	case redirected && b.Origin == "null" && b.Page != "null":
		return "The request was redirected to " + short(b.URL) + ", and since that is yet another origin, browsers send Origin: null, which any site can send. " + ifLogin
	case redirected:
		return "The request was redirected to " + short(b.URL) + ". " + ifLogin
	case b.Origin == "null":
		return "The page is in a sandboxed frame, or a file: browsers send Origin: null for it, which any site can send. Serve the page from a server, or give the frame allow-same-origin."
	}
	return ""
}

const ifLogin = "If that is a login page, let the API answer with status 401 instead; else let the page call that URL itself."
