package fetch

// Rule is one of the rules by which a browser keeps a response from a page.
type Rule string

// The rules, in the order in which a browser applies them.
const (
	// RuleForbiddenMethod: no script can send the method.
	RuleForbiddenMethod Rule = "forbidden-method"
	// RuleBadPort: browsers send no request to this port, which is another protocol's.
	RuleBadPort Rule = "bad-port"
	// RuleMixedContent: a page that was loaded over TLS sends no request in clear text.
	RuleMixedContent Rule = "mixed-content"

	// RuleAllowOriginMissing: the response has no Access-Control-Allow-Origin.
	RuleAllowOriginMissing Rule = "allow-origin-missing"
	// RuleAllowOriginWildcard: "*" is no wildcard for requests with credentials.
	RuleAllowOriginWildcard Rule = "allow-origin-wildcard"
	// RuleAllowOriginSeveral: there are several values, in one line or in several.
	RuleAllowOriginSeveral Rule = "allow-origin-several"
	// RuleAllowOriginMismatch: the value is not the very bytes of the request's Origin.
	RuleAllowOriginMismatch Rule = "allow-origin-mismatch"
	// RuleAllowCredentials: Access-Control-Allow-Credentials is not "true".
	RuleAllowCredentials Rule = "allow-credentials"

	// RulePreflightRedirect: the answer to a preflight is a redirect.
	RulePreflightRedirect Rule = "preflight-redirect"
	// RulePreflightStatus: the status of the answer to a preflight is not 200 to 299.
	RulePreflightStatus Rule = "preflight-status"
	// RuleAllowMethodsMalformed: Access-Control-Allow-Methods is no list of methods.
	RuleAllowMethodsMalformed Rule = "allow-methods-malformed"
	// RuleAllowHeadersMalformed: Access-Control-Allow-Headers is no list of names.
	RuleAllowHeadersMalformed Rule = "allow-headers-malformed"
	// RuleAllowMethods: the request's method is not in Access-Control-Allow-Methods.
	RuleAllowMethods Rule = "allow-methods"
	// RuleAllowHeadersAuthorization: "*" in Access-Control-Allow-Headers does not cover
	// Authorization. Chromium 156, Firefox 153 and WebKitGTK 2.50 let it pass all the
	// same.
	RuleAllowHeadersAuthorization Rule = "allow-headers-authorization"
	// RuleAllowHeaders: a header of the request is not in Access-Control-Allow-Headers.
	RuleAllowHeaders Rule = "allow-headers"

	// RuleRedirectLocation: the Location of a redirect is no URL.
	RuleRedirectLocation Rule = "redirect-location"
	// RuleRedirectScheme: a redirect leads out of HTTP.
	RuleRedirectScheme Rule = "redirect-scheme"
	// RuleRedirectCount: there are more than 20 redirects.
	RuleRedirectCount Rule = "redirect-count"
	// RuleRedirectCredentials: a redirect to another origin has a user or a password in
	// its URL.
	RuleRedirectCredentials Rule = "redirect-credentials"
)

// sources tells where the rules stand.
var sources = map[Rule]string{
	RuleForbiddenMethod:           "Fetch, Request constructor, step 25",
	RuleBadPort:                   "Fetch, main fetch, step 7: block bad port",
	RuleMixedContent:              "Fetch, main fetch, step 7: Mixed Content, 4.4",
	RuleAllowOriginMissing:        "Fetch, CORS check, step 2",
	RuleAllowOriginWildcard:       "Fetch, CORS check, steps 3 and 4",
	RuleAllowOriginSeveral:        "Fetch, CORS check, steps 1 and 4",
	RuleAllowOriginMismatch:       "Fetch, CORS check, step 4",
	RuleAllowCredentials:          "Fetch, CORS check, steps 6 to 8",
	RulePreflightRedirect:         "Fetch, CORS-preflight fetch, steps 7 and 8",
	RulePreflightStatus:           "Fetch, CORS-preflight fetch, steps 7 and 8",
	RuleAllowMethodsMalformed:     "Fetch, CORS-preflight fetch, step 7.3",
	RuleAllowHeadersMalformed:     "Fetch, CORS-preflight fetch, step 7.3",
	RuleAllowMethods:              "Fetch, CORS-preflight fetch, step 7.5",
	RuleAllowHeadersAuthorization: "Fetch, CORS-preflight fetch, step 7.6",
	RuleAllowHeaders:              "Fetch, CORS-preflight fetch, step 7.7",
	RuleRedirectLocation:          "Fetch, HTTP-redirect fetch, step 5",
	RuleRedirectScheme:            "Fetch, HTTP-redirect fetch, step 6",
	RuleRedirectCount:             "Fetch, HTTP-redirect fetch, step 7",
	RuleRedirectCredentials:       "Fetch, HTTP-redirect fetch, steps 9 and 10",
}

// Block is why a browser keeps a response from a page.
type Block struct {
	Rule      Rule
	Preflight bool   // whether it is the answer to a preflight that breaks the rule
	URL       string // of the request that was answered, after redirects
	Origin    string // what that request's Origin header had
	Value     string // of the response header that the rule is about; lines are joined with ", "
	Lines     int    // how many lines of that header there are
	Subject   string // the method or the request header, in lower case, that is not allowed
	Status    int    // of the answer
	Location  string // of the answer, if it is a redirect

	Page  string // the page's own origin; after redirects, Origin may be "null"
	First string // the URL that the page asked for; after redirects, it is not URL

	// NoAllowOrigin is whether a redirect that answers a preflight lacks
	// Access-Control-Allow-Origin, too.
	NoAllowOrigin bool
}

// Source returns the standard, the algorithm and the step that have the rule.
func (b Block) Source() string {
	if b.Rule == RuleAllowHeaders && b.Subject == authorization {
		return sources[RuleAllowHeadersAuthorization]
	}
	return sources[b.Rule]
}
