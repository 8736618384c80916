package corsproxy

import (
	"net/http"
	"strings"
)

// The headers that do not cross the proxy, with the reason for each group. A name that ends
// in "*" stands for all that start so.

// fromRequests are removed from what a page sends. All else passes: APIs have keys and
// versions in headers of their own.
var fromRequests = newHeaderSet(
	// What browsers keep for the proxy's own site, which is none of the target's business.
	"Cookie", "Cookie2", "Authorization",
	// Who the page and its user are. Targets would decide by it as if no proxy were there.
	"Origin", "Referer", "DNT", "Save-Data", "X-Client-Data", "DPR", "Device-Memory", "Downlink", "RTT", "Width", "Viewport-*",
	// What browsers say of themselves and of the request, which is another one now.
	"Sec-*", "Access-Control-*", "Upgrade-Insecure-Requests", "Service-Worker*", "Purpose", "X-Purpose", "X-Moz", "Ping-*", "Attribution-Reporting-*", "Alt-Used",
	// Who asks, as servers ahead say, which targets may trust to tell who is on their network.
	"Via", "Forwarded", "X-Forwarded-*", "X-Forwarded", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Remote-*", "X-Original-*", "X-Originating-*",
	"X-Envoy-*", "X-Appengine-*", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-Azure-FDID", "X-Azure-Ref", "X-Azure-RequestChain", "X-Amzn-Trace-Id", "X-Amzn-Oidc-*", "X-Amzn-Mtls-*", "X-Amz-Cf-*",
	"Client-IP", "True-Client-IP", "Cf-Connecting-*", "Cf-IP*", "Cf-Ray", "Cf-Visitor", "Cf-Worker", "Cf-Ew-Via", "Cf-Pseudo-IPv4", "Cf-Region*", "Cf-Metro-Code", "Cf-Postal-Code", "Cf-Timezone", "Cf-TLS-*", "Cf-Bot-*", "Cf-Verified-Bot", "Cf-Ja3*", "Cf-Ja4*", "Cf-Threat-Score", "Cf-Device-Type", "Cf-Access-Authenticated-*", "Cf-Access-Jwt-*",
	"Fastly-Client*", "Fastly-FF", "Fastly-SSL", "Fly-Client-IP", "Fly-Forwarded-*", "Fly-Region", "CDN-Loop", "CloudFront-*", "X-Vercel-*", "X-NF-Client-Connection-IP", "WL-Proxy-*", "X-Sucuri-*", "Incap-Client-IP", "X-ProxyUser-IP", "Front-End-HTTPS", "Traceparent", "Tracestate", "Baggage", "B3", "X-B3-*", "X-Cloud-Trace-Context", "Uber-Trace-Id", "X-Host", "X-HTTP-Host-Override",
	// Who is logged in, as gateways ahead say.
	"Remote-*", "X-Auth-Request-*", "X-Authentik-*", "X-Goog-Iap-*", "X-Goog-Authenticated-*", "X-Ms-Client-Principal*", "X-Ms-Token-*", "X-Pomerium-*", "Tailscale-*", "X-Webauth-*", "X-Token-*", "X-Vouch-*", "X-Consumer-*", "X-Authenticated-*", "X-Userinfo", "X-Jwt-Assertion", "Teleport-*", "Shib-*", "Iv-*", "OIDC-*", "Mellon-*",
	"Client-Cert*", "X-Client-Cert*", "X-SSL-*", "Ssl-Client-*", "X-Arr-*",
	// What would make another request of it than the one that was checked.
	"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Rewrite-*", "X-Middleware-Subrequest", "Expect", "Max-Forwards",
	// What is of one connection (RFC 9110, section 7.6.1), which Caddy removes as well.
	"Connection", "Keep-Alive", "Proxy-*", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Content-Length", "Host", "Early-Data", "Priority",
	// The proxy asks for responses that are not compressed.
	"Accept-Encoding", "Available-Dictionary", "Dictionary-ID",
)

// acrossOrigins are all that follows a redirect to another origin. What else a page sends
// may be a key that is meant for the first one.
var acrossOrigins = newHeaderSet(
	"Accept", "Accept-Language", "Cache-Control", "Early-Data", "If-Range", "Pragma", "Range", "User-Agent", "Via",
)

// fromResponses are removed from what a target sends. Browsers would do it to the origin of
// the proxy, or in its name.
var fromResponses = newHeaderSet(
	// State: cookies, stored data, log-ins.
	"Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Set-Login", "IdP-SignIn-Status", "Activate-Storage-Access", "Secure-Session-*", "Sec-*", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "Proxy-Authentication-Info",
	// Who may read, which the cors handler decides alone.
	"Access-Control-*", "Timing-Allow-Origin", "Cross-Origin-*", "X-Permitted-Cross-Domain-Policies",
	// Policies of the origin's connections, names and documents.
	"Strict-Transport-Security", "Alt-Svc", "Alt-Used", "Public-Key-Pins", "Public-Key-Pins-*", "Expect-CT", "Expect-Staple*", "Origin-Agent-Cluster", "Permissions-Policy*", "Feature-Policy", "Document-Policy*", "Document-Isolation-Policy*", "Integrity-Policy*", "Require-Document-Policy",
	"Content-Security-Policy*", "X-Content-Security-Policy*", "X-WebKit-CSP*", "X-Content-Type-Options", "X-XSS-Protection", "X-Frame-Options", "X-UA-Compatible", "Referrer-Policy", "Origin-Trial", "Service-Worker*", "Supports-Loading-Mode", "Connection-Allowlist*", "Window-Target",
	// What makes a browser ask elsewhere, or tell others what it does.
	"Link", "Refresh", "Speculation-Rules", "Report-To", "Reporting-Endpoints", "NEL", "SourceMap", "X-SourceMap", "X-DNS-Prefetch-Control", "Attribution-Reporting-*", "Observe-Browsing-Topics", "Ad-Auction-*", "X-Fledge-*", "Shared-Storage-Write",
	// What makes a browser send more, or keep what other targets' responses would be read by.
	"Accept-CH", "Accept-CH-Lifetime", "Critical-CH", "Use-As-Dictionary", "No-Vary-Search", "Accept-Signature",
	// What servers ahead of the proxy would obey: they send files, rewrite or keep responses.
	"X-Accel-*", "X-Sendfile*", "X-Lighttpd-*", "X-LiteSpeed-*", "X-Reproxy-URL", "Surrogate-*", "CDN-*", "Cloudflare-*", "Netlify-*", "Vercel-*", "Akamai-*", "Cache-Tag", "Edge-*", "XKey", "X-Cache-Tag*", "X-Varnish-*", "X-Middleware-*",
	// What is of one connection, and how this one is framed.
	"Connection", "Keep-Alive", "Proxy-*", "Trailer", "Transfer-Encoding", "Upgrade", "Location",
)

// sandbox is what all responses carry: if one is opened as a document, after all, it has no
// origin and no scripts, and no response is taken for what it does not say it is.
var sandbox = map[string]string{
	"Content-Security-Policy": "sandbox",
	"X-Content-Type-Options":  "nosniff",
}

// protect puts the sandbox on a response.
func protect(h http.Header) {
	for name, value := range sandbox {
		h.Set(name, value)
	}
}

// headerSet is a set of header names, in lower case, with "-" for all but letters and digits:
// CGI makes one name of those that differ in these alone.
type headerSet struct {
	names    map[string]bool
	prefixes []string
}

func newHeaderSet(names ...string) headerSet {
	s := headerSet{names: make(map[string]bool)}
	for _, name := range names {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			s.prefixes = append(s.prefixes, normalName(prefix))
		} else {
			s.names[normalName(name)] = true
		}
	}
	return s
}

func normalName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

func (s headerSet) has(name string) bool {
	name = normalName(name)
	if s.names[name] {
		return true
	}
	for _, prefix := range s.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// forAll are never of one connection (RFC 9110, section 7.6.1): without them, a response would
// be kept for those whose it is not.
var forAll = newHeaderSet("Age", "Cache-Control", "Date", "Expires", "Pragma", "Vary")

// ofConnection returns the names of the fields that Connection says are of one connection. The
// reverse proxy would remove them, but does not get Connection.
func ofConnection(h http.Header) headerSet {
	named := newHeaderSet()
	for _, line := range h.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			if name = normalName(strings.TrimSpace(name)); !forAll.has(name) {
				named.names[name] = true
			}
		}
	}
	return named
}

// pageHeader returns what of a page's request targets may have.
func pageHeader(h http.Header) http.Header {
	named := ofConnection(h)
	passed := filter(h, func(name string) bool { return !fromRequests.has(name) && !named.has(name) })
	if _, ok := passed["User-Agent"]; !ok {
		passed["User-Agent"] = []string{""} // else net/http would add one of its own
	}
	return passed
}

// targetHeader returns what of a target's response pages may have.
func targetHeader(h http.Header) http.Header {
	named := ofConnection(h)
	return filter(h, func(name string) bool { return !fromResponses.has(name) && !named.has(name) })
}

// remove removes a field in whatever spelling.
func remove(h http.Header, name string) {
	for other := range h {
		if normalName(other) == normalName(name) {
			delete(h, other)
		}
	}
}

// filter returns the fields of h that pass.
func filter(h http.Header, passes func(name string) bool) http.Header {
	filtered := make(http.Header, len(h))
	for name, values := range h {
		if passes(name) {
			filtered[name] = append(filtered[name], values...)
		}
	}
	return filtered
}
