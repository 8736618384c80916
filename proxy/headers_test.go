package corsproxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRequestHeaders shows what of a page's request does not reach a target, and what does.
func TestRequestHeaders(t *testing.T) {
	a := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	site := runProxy(t, "targets "+a.URL)
	removed := []string{
		"Cookie: session=s3cret", "Cookie2: s3cret", "Authorization: Bearer s3cret", "Proxy-Authorization: Basic s3cret", "Referer: https://app.example.com/s3cret",
		"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-CH-UA: s3cret", "Sec-GPC: 1", "DNT: 1",
		"X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: s3cret", "X-Forwarded-Proto: s3cret", "X-Forwarded-User: s3cret", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1",
		"True-Client-IP: 10.0.0.1", "CF-Connecting-IP: 10.0.0.1", "X-Client-IP: 10.0.0.1", "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE",
		"X_Forwarded_For: 10.0.0.1", "x_real_ip: 10.0.0.1", "Access-Control-Request-Private-Network: true", "Keep-Alive: 5", "TE: trailers", "Connection: X-Hop", "X-Hop: s3cret",
		"Remote-User: s3cret", "Remote_Groups: s3cret", "X-Auth-Request-Email: s3cret", "X-Authentik-Username: s3cret", "X-Goog-IAP-JWT-Assertion: s3cret", "X-Goog-Authenticated-User-Email: s3cret",
		"X-MS-CLIENT-PRINCIPAL: s3cret", "X-MS-CLIENT-PRINCIPAL-NAME: s3cret", "X-MS-TOKEN-AAD-ACCESS-TOKEN: s3cret", "X-Pomerium-Jwt-Assertion: s3cret", "Tailscale-User-Login: s3cret", "X-WEBAUTH-USER: s3cret",
		"X-Token-Subject: s3cret", "X-Client-Cert: s3cret", "X-Client-Cert-DN: s3cret", "X-SSL-Client-S-DN: s3cret", "Ssl-Client-Verify: s3cret", "X-ARR-ClientCert: s3cret",
		"Upgrade-Insecure-Requests: 1", "Max-Forwards: 1", "Priority: u=1", "X~Forwarded~Host: s3cret", "Remote`User: s3cret", "X_Forwarded-User: s3cret", "DPR: 2", "Ping-From: s3cret",
		"CDN-Loop: s3cret", "CloudFront-Viewer-Address: s3cret", "X-Vercel-IP-City: s3cret", "X-NF-Client-Connection-IP: s3cret", "WL-Proxy-Client-IP: s3cret", "X-Sucuri-ClientIP: s3cret", "Incap-Client-IP: s3cret",
		"X-ProxyUser-IP: s3cret", "Front-End-HTTPS: on", "Traceparent: s3cret", "Tracestate: s3cret", "Baggage: s3cret", "X-B3-TraceId: s3cret", "X-Host: s3cret", "Fly-Client-IP: s3cret",
		"CF-IPCity: s3cret", "CF-Timezone: s3cret", "Cf-TLS-Client-Auth: s3cret", "Client-Cert: s3cret", "X-Vouch-User: s3cret", "X-Consumer-Username: s3cret", "Shib-Session-ID: s3cret", "iv-user: s3cret",
	}
	passed := []string{
		"Accept: application/json", "Accept-Language: de", "X-Api-Key: k", "X-Requested-With: fetch", "If-None-Match: \"x\"", "Range: bytes=0-1", "User-Agent: test", "Cache-Control: no-cache", "X-Custom: 1", "X-Goog-Api-Key: k", "X-Ms-Version: 1", "X-Auth-Token: k", "Fastly-Key: k", "CF-Access-Client-Id: k",
	}
	site.Do(ask(a.URL, slices.Concat(removed, passed, []string{"Accept-Encoding: gzip, br"})...))
	got := a.requests()[0]
	for _, line := range removed {
		name, value, _ := strings.Cut(line, ": ")
		if found := got.Header[http.CanonicalHeaderKey(name)]; found != nil {
			t.Errorf("%s came through as %v", line, found)
		}
		if value != "s3cret" {
			continue
		}
		for name, values := range got.Header {
			if strings.Contains(strings.Join(values, ""), "s3cret") {
				t.Errorf("%s: %v", name, values)
			}
		}
	}
	for _, line := range passed {
		name, value, _ := strings.Cut(line, ": ")
		if found := got.Header.Get(name); found != value {
			t.Errorf("%s came through as %q", line, found)
		}
	}
	var names []string
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	want := "Accept Accept-Encoding Accept-Language Cache-Control Cf-Access-Client-Id Fastly-Key If-None-Match Range User-Agent Via X-Api-Key X-Auth-Token X-Custom X-Goog-Api-Key X-Ms-Version X-Requested-With"
	if strings.Join(names, " ") != want || got.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("the target gets %v", got.Header)
	}
}

// TestResponseHeaders shows what of a target's response does not reach a page, and what
// does.
func TestResponseHeaders(t *testing.T) {
	removed := []string{
		"Set-Cookie: a=b", "Set-Cookie2: a=b", "Clear-Site-Data: \"*\"", "Strict-Transport-Security: max-age=1", "Alt-Svc: h3=\"evil.example:443\"",
		"Link: </x>; rel=preload", "Refresh: 0; url=https://evil.example", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true",
		"Access-Control-Expose-Headers: *", "Access-Control-Max-Age: 1", "Access-Control-Allow-Private-Network: true", "access-control-allow-methods: *",
		"WWW-Authenticate: Basic", "Public-Key-Pins: x", "Expect-CT: x", "NEL: {}", "Report-To: {}", "Reporting-Endpoints: a=\"https://evil.example\"",
		"Service-Worker-Allowed: /", "SourceMap: /x", "X-SourceMap: /x", "Accept-CH: DPR", "Critical-CH: DPR", "Permissions-Policy: x", "Origin-Trial: x",
		"Content-Security-Policy: default-src *", "Content-Security-Policy-Report-Only: x", "Cross-Origin-Opener-Policy: same-origin", "Cross-Origin-Resource-Policy: same-origin", "Timing-Allow-Origin: *",
		"X-Content-Type-Options: none", "Speculation-Rules: \"/x\"", "X-Accel-Redirect: /etc/passwd", "X-Sendfile: /etc/passwd", "Set-Login: logged-in", "No-Vary-Search: params",
		"Use-As-Dictionary: match=\"/*\"", "Location: /elsewhere", "Referrer-Policy: unsafe-url", "X-Frame-Options: DENY", "Sec-Session-Registration: x", "Surrogate-Control: max-age=9",
		"Netlify-CDN-Cache-Control: x", "Vercel-CDN-Cache-Control: x", "CDN-Cache-Control: x", "Akamai-Cache-Control: x", "Cloudflare-CDN-Cache-Control: x", "Cache-Tag: x", "Edge-Cache-Tag: x", "XKey: x", "X-Middleware-Next: 1",
		"IdP-SignIn-Status: x", "Document-Isolation-Policy: x", "Attribution-Reporting-Register-Source: {}", "Feature-Policy: x", "X-Permitted-Cross-Domain-Policies: all",
	}
	passed := []string{
		"Content-Type: application/json; charset=utf-8", "Cache-Control: max-age=60", "Etag: \"x\"", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", "X-Ratelimit-Remaining: 7",
		"Content-Language: de", "Content-Disposition: attachment", "Retry-After: 5", "Age: 3", "Warning: x",
	}
	a := serveAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range slices.Concat(removed, passed) {
			name, value, _ := strings.Cut(line, ": ")
			w.Header()[name] = []string{value}
		}
		w.Header().Set("Trailer", "Set-Cookie, X-Checksum")
		w.Header().Add("Vary", "Accept-Language")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("{}"))
		w.Header().Set("Set-Cookie", "trailer=1")
		w.Header().Set("X-Checksum", "1")
	})
	site := runProxy(t, "targets "+a.URL)
	site.Informed = func(status int, header http.Header) { t.Errorf("informed of %d, %v", status, header) }
	r := site.Do(ask(a.URL))
	r.Want(t, http.StatusCreated, allowPage, "Vary: Accept-Language, Origin")
	for _, line := range removed {
		name, value, _ := strings.Cut(line, ": ")
		for _, found := range r.Header.Values(name) {
			if found == value && name != "X-Content-Type-Options" && name != "Access-Control-Allow-Origin" {
				t.Errorf("%s came through", line)
			}
		}
	}
	for _, line := range passed {
		name, value, _ := strings.Cut(line, ": ")
		if found := r.Header.Get(name); found != value {
			t.Errorf("%s came through as %q", line, found)
		}
	}
	if len(r.Trailer) > 0 || !slices.Equal(r.Header["Content-Security-Policy"], []string{"sandbox"}) || !slices.Equal(r.Header["X-Content-Type-Options"], []string{"nosniff"}) {
		t.Errorf("%s\n%v", r, r.Trailer)
	}
}

// TestResponsesOfConnections shows that what a target's Connection names does not reach a page,
// but for what is for all (RFC 9110, section 7.6.1).
func TestResponsesOfConnections(t *testing.T) {
	url := serveBytes(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, X-Hop\r\nConnection: x_other, Cache-Control, vary, age, date, expires, pragma\r\nX-Hop: 1\r\nX-Other: 1\r\nX-End: 1\r\nCache-Control: private\r\nVary: X-End\r\n"+
		"Age: 7\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nExpires: 0\r\nPragma: no-cache\r\n\r\n")
	r := runProxy(t, "targets "+url).Do(ask(url))
	if r.StatusCode != http.StatusOK || r.Header["X-Hop"] != nil || r.Header["X-Other"] != nil || r.Header.Get("X-End") != "1" || r.Header.Get("Cache-Control") != "private" || !strings.Contains(r.Header.Get("Vary"), "X-End") ||
		r.Header.Get("Age") != "7" || r.Header.Get("Date") != "Mon, 01 Jan 2024 00:00:00 GMT" || r.Header.Get("Expires") != "0" || r.Header.Get("Pragma") != "no-cache" {
		t.Errorf("%s", r)
	}
}

// TestContentTypes shows that no type is guessed.
func TestContentTypes(t *testing.T) {
	for header, want := range map[string]string{"": "application/octet-stream", "Content-Type:\r\n": "application/octet-stream", "Content-Type: text/x\r\n": "text/x"} {
		url := serveBytes(t, "HTTP/1.1 200 OK\r\n"+header+"Content-Length: 6\r\n\r\n<html>")
		if r := runProxy(t, "targets "+url).Do(ask(url)); !slices.Equal(r.Header["Content-Type"], []string{want}) {
			t.Errorf("%q: %s", header, r)
		}
	}
	url := serveBytes(t, "HTTP/1.1 204 No Content\r\n\r\n")
	if r := runProxy(t, "targets "+url).Do(ask(url)); r.Header["Content-Type"] != nil {
		t.Errorf("%s", r)
	}
}

// TestKeepPrivate shows which responses shared caches may store that were asked for with a
// header of the config.
func TestKeepPrivate(t *testing.T) {
	for lines, want := range map[string]bool{
		"": true, "max-age=60": true, "no-store": true, "private": true, "max-age=60, must-revalidate": true, "x=public": true,
		"public": false, "Public, max-age=60": false, "max-age=60, s-maxage=5": false, "max-age=60\npublic": false,
	} {
		h := make(http.Header)
		for line := range strings.SplitSeq(lines, "\n") {
			h.Add("Cache-Control", line)
		}
		keepPrivate(h)
		if got := slices.Contains(h["Cache-Control"], "private"); got != want && lines != "private" {
			t.Errorf("%q: %v", lines, h)
		}
	}
}

// TestRemove shows that a field is removed in each spelling that a target may take for it.
func TestRemove(t *testing.T) {
	h := http.Header{"X-Tenant": {"a"}, "X_tenant": {"b"}, "x-tenant": {"c"}, "X-Tenants": {"d"}}
	remove(h, "X-Tenant")
	if len(h) != 1 || h["X-Tenants"] == nil {
		t.Errorf("there is still %v", h)
	}
}

// TestContentLength shows that a page gets one length, which is the one that counts, whatever
// lines a target over HTTP/2 sends.
func TestContentLength(t *testing.T) {
	e := &exchange{Handler: &Handler{maxResponse: 100}}
	for _, lines := range [][]string{nil, {"5"}, {"5", "500"}, {"+5"}, {"500", "5"}} {
		asked := &http.Request{Method: http.MethodGet}
		passed, refused := e.pass(asked, &http.Response{StatusCode: http.StatusOK, ProtoMajor: 2, Header: http.Header{"Content-Length": lines}, ContentLength: 5, Body: http.NoBody}) //nolint:bodyclose // There is none.
		if refused != nil || len(passed.Header["Content-Length"]) != 1 || passed.Header.Get("Content-Length") != "5" {
			t.Errorf("%v: %v, %v", lines, passed.Header, refused)
		}
	}
}
