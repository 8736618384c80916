package fetch

import (
	"strconv"
	"strings"
)

// firefoxConsole has the words of Firefox 153.
func (b Block) firefoxConsole() []string {
	failed := firefoxBlocked(b.URL, "CORS request did not succeed). Status code: (null).")
	switch b.Rule {
	case RuleForbiddenMethod, RuleBadPort:
		return nil
	case RuleMixedContent:
		return []string{"Blocked loading mixed active content “" + b.URL + "”"}
	case RuleRedirectLocation, RuleRedirectCount, RuleRedirectCredentials:
		return []string{failed}
	case RuleRedirectScheme:
		return []string{b.firefoxRedirectScheme(), failed}
	case RulePreflightRedirect:
		if b.NoAllowOrigin { // it looks at the header first
			b.Rule = RuleAllowOriginMissing
			break
		}
		return []string{
			firefoxBlocked(b.URL, "CORS request external redirect not allowed)."),
			firefoxBlocked(b.URL, "CORS preflight response did not succeed"+b.firefoxStatus()),
			failed,
		}
	}
	at := b.URL
	if b.Rule == RuleAllowOriginWildcard {
		at = "‘" + b.URL + "’" // here alone
	}
	lines := []string{firefoxBlocked(at, b.firefoxReason())}
	if b.Preflight {
		lines = append(lines, failed)
	}
	if isRedirect(b.Status) {
		lines = append(lines, failed)
	}
	return lines
}

func firefoxBlocked(url, reason string) string {
	return "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " + url + ". (Reason: " + reason
}

func (b Block) firefoxStatus() string { return "). Status code: " + strconv.Itoa(b.Status) + "." }

func (b Block) firefoxReason() string {
	mismatch := "CORS header ‘Access-Control-Allow-Origin’ does not match ‘" + b.Value + "’)."
	switch b.Rule {
	case RuleAllowOriginMissing:
		return "CORS header ‘Access-Control-Allow-Origin’ missing" + b.firefoxStatus()
	case RuleAllowOriginWildcard:
		return "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’)."
	case RuleAllowOriginSeveral:
		if b.Lines == 1 || !strings.Contains(b.Value, ", ") {
			return mismatch
		}
		return "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed)."
	case RuleAllowOriginMismatch:
		return mismatch
	case RuleAllowCredentials:
		return "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’)."
	case RulePreflightStatus:
		return "CORS preflight response did not succeed" + b.firefoxStatus()
	case RuleAllowMethodsMalformed:
		return "invalid token ‘" + malformedItem(b.Value) + "’ in CORS header ‘Access-Control-Allow-Methods’)."
	case RuleAllowHeadersMalformed:
		return "invalid token ‘" + malformedItem(b.Value) + "’ in CORS header ‘Access-Control-Allow-Headers’)."
	case RuleAllowMethods:
		return "Did not find method in CORS header ‘Access-Control-Allow-Methods’)."
	case RuleAllowHeaders:
		return "header ‘" + b.Subject + "’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response)."
	}
	return ""
}

func (b Block) firefoxRedirectScheme() string {
	to := b.redirectURL()
	switch {
	case strings.HasPrefix(to, "data:"):
		return "Redirecting to data: URI not allowed (Blocked loading of: “" + to + "”)"
	case strings.HasPrefix(to, "file:"):
		return "Security Error: Content at " + b.URL + " may not load or link to " + to + "."
	}
	return firefoxBlocked(to, "CORS request not http).")
}

// malformedItem returns the first item of a list that is no token.
func malformedItem(list string) string {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.Trim(item, " \t")
		if item != "" && !IsToken(item) {
			return item
		}
	}
	return ""
}
