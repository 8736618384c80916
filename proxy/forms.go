package corsproxy

import (
	"net/url"
	"strings"
)

// The forms in which a request asks for a URL: those of the proxies that people come from.

const (
	parameterURL = "url"

	schemePlain = "http"
	schemeTLS   = "https"
)

// askedURL returns the URL that a request asks for:
//
//	/?url=https%3A%2F%2Fapi.example%2Fitems%3Fpage%3D2
//	/?https://api.example/items?page=2
//	/https://api.example/items?page=2
func askedURL(u *url.URL) (string, *refusal) {
	if path := u.EscapedPath(); path != "" && path != "/" {
		return urlOfPath(path, u.RawQuery)
	}
	return urlOfQuery(u.RawQuery)
}

// urlOfPath reads the third form. Servers ahead may have made one slash of the two behind
// the scheme, as they do to paths.
func urlOfPath(path, query string) (string, *refusal) {
	scheme, rest, ok := strings.Cut(path[1:], ":/")
	if !ok || !isScheme(scheme) {
		return "", refusedForm
	}
	rest = strings.TrimPrefix(rest, "/")
	if rest == "" || rest[0] == '/' {
		return "", refusedForm
	}
	text := scheme + "://" + rest
	if query != "" {
		text += "?" + query
	}
	return text, nil
}

// urlOfQuery reads the first form and the second one.
func urlOfQuery(query string) (string, *refusal) {
	if scheme, _, ok := strings.Cut(query, "://"); ok && isScheme(scheme) {
		return query, nil
	}
	name, value, ok := strings.Cut(query, "=")
	if !ok || name != parameterURL || value == "" {
		return "", refusedForm
	}
	if strings.Contains(value, "&") { // of the URL's own query, or another parameter: who knows?
		return "", refusedEncoding
	}
	text, err := url.QueryUnescape(value)
	if err != nil {
		return "", refusedEncoding
	}
	return text, nil
}

func isScheme(s string) bool {
	return strings.EqualFold(s, schemeTLS) || strings.EqualFold(s, schemePlain)
}
