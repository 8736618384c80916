package fetch

import (
	"net/url"
	"strconv"
	"strings"
)

// chromiumConsole has the words of Chromium 156. What it says of the network, not of
// CORS, the DevTools show in the form of "GET <URL> net::ERR_FAILED".
func (b Block) chromiumConsole() []string {
	const network = "Failed to load resource: net::"
	switch b.Rule {
	case RuleForbiddenMethod:
		return nil
	case RuleBadPort:
		return []string{network + "ERR_UNSAFE_PORT"}
	case RuleMixedContent:
		return []string{"Mixed Content: The page at '" + b.Page + "/' was loaded over HTTPS, but requested an insecure resource '" + b.URL +
			"'. This request has been blocked; the content must be served over HTTPS."}
	case RuleRedirectLocation:
		if b.Lines > 1 {
			return []string{network + "ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION"}
		}
		return []string{network + "ERR_INVALID_REDIRECT"}
	case RuleRedirectScheme:
		if hasUnsafeScheme(b.redirectURL()) {
			return []string{network + "ERR_UNSAFE_REDIRECT"}
		}
	case RuleRedirectCount:
		return []string{network + "ERR_TOO_MANY_REDIRECTS"}
	}
	at, reason := b.URL, b.chromiumReason()
	if b.Rule == RuleRedirectScheme {
		at = b.redirectURL()
	}
	var from string
	if at != b.First {
		from = " (redirected from '" + b.First + "')"
	}
	return []string{
		"Access to fetch at '" + at + "'" + from + " from origin '" + b.Page + "' has been blocked by CORS policy: " + reason,
		network + "ERR_FAILED",
	}
}

func (b Block) chromiumReason() string {
	var preflight string
	if b.Preflight {
		preflight = "Response to preflight request doesn't pass access control check: "
		// A redirect is looked at before its headers are.
		if isRedirect(b.Status) {
			return preflight + "Redirect is not allowed for a preflight request."
		}
	}
	const fix = " Have the server send the header with a valid value."
	switch b.Rule {
	case RuleAllowOriginMissing:
		return preflight + "No 'Access-Control-Allow-Origin' header is present on the requested resource."
	case RuleAllowOriginWildcard:
		return preflight + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'."
	case RuleAllowOriginSeveral:
		return preflight + "The 'Access-Control-Allow-Origin' header contains multiple values '" + b.Value + "', but only one is allowed." + fix
	case RuleAllowOriginMismatch:
		if !isChromiumURL(b.Value) {
			return preflight + "The 'Access-Control-Allow-Origin' header contains the invalid value '" + b.Value + "'." + fix
		}
		return preflight + "The 'Access-Control-Allow-Origin' header has a value '" + b.Value + "' that is not equal to the supplied origin." + fix
	case RuleAllowCredentials:
		return preflight + "The value of the 'Access-Control-Allow-Credentials' header in the response is '" + b.Value + "' which must be 'true' when the request's credentials mode is 'include'."
	case RulePreflightStatus:
		return preflight + "It does not have HTTP ok status."
	case RuleAllowMethodsMalformed:
		return "Cannot parse Access-Control-Allow-Methods response header field in preflight response."
	case RuleAllowHeadersMalformed:
		return "Cannot parse Access-Control-Allow-Headers response header field in preflight response."
	case RuleAllowMethods:
		return "Method " + b.Subject + " is not allowed by Access-Control-Allow-Methods in preflight response."
	case RuleAllowHeaders:
		return "Request header field " + b.Subject + " is not allowed by Access-Control-Allow-Headers in preflight response."
	case RuleRedirectScheme:
		return "Cross origin requests are only supported for protocol schemes: chrome, chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, http, https, isolated-app."
	case RuleRedirectCredentials:
		// Chromium removes the URL with the password from the sentence.
		return "Redirect location '' contains a username and password, which is disallowed for cross-origin requests."
	}
	return ""
}

// hasUnsafeScheme reports whether Chromium lets no redirect lead to the URL, whatever it
// is for.
func hasUnsafeScheme(location string) bool {
	return strings.HasPrefix(location, "data:") || strings.HasPrefix(location, "file:")
}

// isChromiumURL reports whether Chromium takes the value of Access-Control-Allow-Origin
// for a URL, or for "null", and so for a value that could be right.
func isChromiumURL(value string) bool {
	if value == "null" {
		return true
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" {
		return false
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss", "ftp":
	default:
		return true
	}
	// Slashes ahead of a host are as many as one likes (URL Standard).
	u, err = url.Parse(u.Scheme + "://" + strings.TrimLeft(value[len(u.Scheme)+1:], `/\`))
	if err != nil || u.Hostname() == "" || strings.Contains(u.Host, "%") {
		return false
	}
	if u.Port() == "" {
		return true
	}
	_, err = strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}
