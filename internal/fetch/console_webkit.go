package fetch

import (
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// webkitConsole has the words of WebKitGTK 2.50. They come from the code that Safari is
// built of, too.
func (b Block) webkitConsole() []string {
	failed := "Fetch API cannot load " + b.URL + " due to access control checks."
	switch b.Rule {
	case RuleForbiddenMethod:
		return nil
	case RuleBadPort:
		var port string
		if u, err := url.Parse(b.URL); err == nil {
			port = u.Port()
		}
		return []string{"Not allowed to use restricted network port " + port + ": " + b.URL}
	case RuleMixedContent:
		must := "must be served over HTTPS."
		if u, err := url.Parse(b.URL); err == nil && origin.IsLoopback(u.Hostname()) {
			must = "must" // where other engines take loopback for secure, WebKit breaks off
		}
		return []string{
			"[blocked] The page at " + b.Page + "/ requested insecure content from " + b.URL + ". This content was blocked and " + must,
			"Not allowed to request resource",
			failed,
		}
	}
	return []string{b.webkitReason(), failed}
}

func (b Block) webkitReason() string {
	status := "Status code: " + strconv.Itoa(b.Status)
	// The status of a preflight is looked at before its headers are.
	if b.Preflight && !b.isSuccess() {
		return "Preflight response is not successful. " + status
	}
	denied := func(location string) string {
		return "Cross-origin redirection to " + location + " denied by Cross-Origin Resource Sharing policy: "
	}
	var redirect string
	if isRedirect(b.Status) && b.Location != "" {
		redirect = denied(resolve(b.URL, b.Location))
	}
	const scheme = "not allowed to follow a cross-origin CORS redirection with non CORS scheme"
	switch b.Rule {
	case RuleAllowOriginMissing, RuleAllowOriginMismatch:
		return redirect + "Origin " + b.Origin + " is not allowed by Access-Control-Allow-Origin. " + status
	case RuleAllowOriginWildcard:
		return redirect + "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true."
	case RuleAllowOriginSeveral:
		if !strings.Contains(b.Value, ",") {
			return redirect + "Origin " + b.Origin + " is not allowed by Access-Control-Allow-Origin. " + status
		}
		return redirect + "Access-Control-Allow-Origin cannot contain more than one origin."
	case RuleAllowCredentials:
		return redirect + `Credentials flag is true, but Access-Control-Allow-Credentials is not "true".`
	case RuleAllowMethodsMalformed:
		return "Header Access-Control-Allow-Methods has an invalid value: " + b.Value
	case RuleAllowHeadersMalformed:
		return "Header Access-Control-Allow-Headers has an invalid value: " + b.Value
	case RuleAllowMethods:
		return "Method " + b.Subject + " is not allowed by Access-Control-Allow-Methods."
	case RuleAllowHeaders:
		// WebKit spells the name as the page did; most write it so.
		return "Request header field " + textproto.CanonicalMIMEHeaderKey(b.Subject) + " is not allowed by Access-Control-Allow-Headers."
	case RuleRedirectLocation:
		return denied(b.Value) + scheme
	case RuleRedirectScheme:
		if strings.HasPrefix(b.redirectURL(), "ftp:") {
			return "FTP URLs are disabled"
		}
		return denied(b.redirectURL()) + scheme
	case RuleRedirectCredentials:
		full := b.redirectURL()
		plain := full
		if u, err := url.Parse(full); err == nil {
			u.User = nil
			plain = u.String()
		}
		return denied(plain) + "redirection URL " + full + " has credentials"
	case RuleRedirectCount:
		return "Load cannot follow more than 20 redirections"
	}
	return ""
}
