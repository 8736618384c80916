package source

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// parseURL parses the URL of what allows origins, and holds it to the rules: one without
// TLS lets whoever is on the way to it allow origins.
//
// Its errors show no more of the URL than [shownURL] does.
func parseURL(text string, rules Rules) (*url.URL, error) {
	expanded, err := expand("url", text)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(expanded)
	if err != nil {
		// What is wrong is not said: that may quote part of a password.
		return nil, errors.New("url: this is no URL; write it like https://tenants.example.com/origins")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("url %q: it takes one of http:// or https://, with a host; write it like https://tenants.example.com/origins", shownURL(u))
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("url %q: a port is a number from 1 to 65535", shownURL(u))
		}
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("url %q: what follows the # is not sent; take it out", shownURL(u))
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, fmt.Errorf("url %q: its query is malformed: %w", shownURL(u), err)
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20") // which would end it, where it is sent
	if rules.Credentials && !rules.Insecure && isPlain(u) && !isPrivate(u.Hostname()) {
		return nil, fmt.Errorf("url %q: with allow_credentials, whoever is on the network could allow origins, as this comes over plain HTTP; %s", shownURL(u), risk.Insecure.OrAccept("write https://"))
	}
	return u, nil
}

// warnOfPlainHTTP warns of a URL that [parseURL] takes, though others may change what comes
// from it.
func warnOfPlainHTTP(logger *zap.Logger, u *url.URL) {
	if isPlain(u) {
		logger.Warn("which origins are allowed comes over plain HTTP: whoever is on the network may change it; write https://", zap.String("url", shownURL(u)))
	}
}

// isPlain reports whether others can read and change what comes from a URL. Names below
// localhost count as any other: what they stand for is up to a resolver.
func isPlain(u *url.URL) bool {
	if u.Scheme != "http" || strings.EqualFold(u.Hostname(), "localhost") {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || !addr.Unmap().IsLoopback()
}

// isPrivate reports whether a host is on a network of its own, as far as its name tells: it
// has such an address, or a name that no public one can be, as containers and services have.
func isPrivate(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return addr.IsPrivate() || addr.IsLinkLocalUnicast()
	}
	host = strings.ToLower(host)
	if !strings.Contains(host, ".") {
		return isHost(host) // and not a number, which some resolvers take for an address
	}
	return strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local") // .svc.cluster.local, too
}

// ShownURL returns a URL, as it stands in a config, without what may be secret in it: user,
// password, query and fragment. Of what is no URL, it returns nothing.
func ShownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.NewReplacer("%7B", "{", "%7D", "}").Replace(shownURL(u)) // of placeholders
}

// shownURL returns a URL without what may be secret in it: user, password and query.
func shownURL(u *url.URL) string {
	return shown((&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String())
}
