package fetch

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// place is a URL that a request goes to, and its origin.
type place struct {
	*url.URL
	origin   string // serialized as browsers do
	insecure bool   // whether its scheme is http, and its host is not this machine
}

// newPlace returns the place of a URL that [ParseURL] returned. It reports false if
// browsers do not take its host.
func newPlace(u *url.URL) (place, bool) {
	o, ok := origin.Parse(u.Scheme + "://" + u.Host)
	return place{u, o.String(), u.Scheme == "http" && !origin.IsLoopback(u.Hostname())}, ok
}

// isBadPort reports whether the port is one of other protocols, whose servers could take
// a request for something else (Fetch, "bad port").
func (p place) isBadPort() bool { return slices.Contains(badPorts, p.Port()) }

var badPorts = strings.Fields(`0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110
	111 113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587
	601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080`)

// fetchSite is the value of Sec-Fetch-Site of a request that came through these places,
// from a page of this origin (Fetch Metadata, section 2.3).
func fetchSite(page string, places []place) string {
	site := "same-origin"
	for _, p := range places {
		switch {
		case p.origin == page:
		case siteOf(p.origin) != "" && siteOf(p.origin) == siteOf(page):
			site = "same-site"
		default:
			return "cross-site"
		}
	}
	return site
}

// siteOf returns the scheme and the registrable domain of an origin, or its host if it
// has none (HTML, "obtain a site"). That of an opaque origin is empty.
func siteOf(serialized string) string {
	o, ok := origin.Parse(serialized)
	if !ok || o.Opaque() {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(o.Host())
	if err != nil {
		domain = o.Host()
	}
	return o.Scheme() + "://" + domain
}
