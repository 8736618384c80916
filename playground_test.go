package caddycors

import (
	"math"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const playgroundPage = "examples/playground/index.html"

// playground is the example, on ports of its own.
type playground struct {
	t               *testing.T
	page, port, api *client
	replaced        *strings.Replacer // from the ports of the example
	log             string            // the file
}

// do sends a request to a server of the example, in which its ports are written as there.
func (p playground) do(c *client, request string) response {
	p.t.Helper()
	first, rest, _ := strings.Cut(p.replaced.Replace(request), "\n")
	_, port, _ := strings.Cut(c.Address, ":")
	return c.Do(first + "\nHost: localhost:" + port + "\n" + rest)
}

// drivePlayground asks each policy of the example as its pages would, and holds what its
// page reads. e2e has browsers do the same.
func drivePlayground(t *testing.T, caddyfile string) {
	p := playground{t: t, page: newClient(t), port: newClient(t), api: newClient(t), log: filepath.Join(t.TempDir(), "requests.log")}
	pairs := []string{"{\n\t# Listen", "{\n\tadmin " + newClient(t).Address + "\n\t# Listen", "output file examples/playground/requests.log", "output file " + p.log}
	for port, client := range map[string]*client{":3000": p.page, ":3001": p.port, ":8000": p.api} {
		if !strings.Contains(caddyfile, "localhost"+port) {
			t.Fatalf("no site at %s", port)
		}
		_, free, _ := strings.Cut(client.Address, ":")
		pairs = append(pairs, port, ":"+free)
	}
	p.replaced = strings.NewReplacer(pairs...)
	loadCaddy(t, adapt(t, p.replaced.Replace(caddyfile)))
	p.checkPages(caddyfile)
	p.checkPolicies()
	p.checkAPI()
	p.checkSocket()
	p.checkPassed()
}

// checkPages holds that the page is there at each of its origins, and reads the policies
// in the Caddyfile.
func (p playground) checkPages(caddyfile string) {
	index := readPage(p.t, playgroundPage)
	for host, client := range map[string]*client{"localhost:3000": p.page, "localhost:3001": p.port, "admin.localhost:3000": p.page} {
		r := client.Do("GET /?frame\nHost: " + p.replaced.Replace(host))
		if r.StatusCode != http.StatusOK || r.Text != index || r.Header.Get("Cache-Control") != "no-store" {
			p.t.Errorf("%s answers %d and %.100q", host, r.StatusCode, r.Text)
		}
	}
	if r := p.page.Do("GET /\nHost: " + p.page.Address); r.StatusCode != http.StatusFound || r.Header.Get("Location") != p.replaced.Replace("http://localhost:3000") {
		p.t.Errorf("%s answers %d", p.page.Address, r.StatusCode)
	}
	if r := p.do(p.page, "GET /Caddyfile"); r.StatusCode != http.StatusOK || strings.TrimSpace(r.Text) != strings.TrimSpace(caddyfile) {
		p.t.Errorf("the page reads the policies in\n%s", r)
	}
}

func (p playground) checkPolicies() {
	for _, test := range []struct{ policy, allowed, denied string }{
		{"exact", "http://localhost:3000", "http://localhost:3001 http://admin.localhost:3000 https://app.example.com null"},
		{"several", "http://localhost:3000 http://admin.localhost:3000", "http://localhost:3001 null"},
		{"subdomain", "http://admin.localhost:3000", "http://localhost:3000 http://localhost:3001 null"},
		{"any-port", "http://localhost:3000 http://localhost:3001 http://localhost", "http://admin.localhost:3000 null"},
		{"any", "http://localhost:3000 https://app.example.com null", ""},
		{"credentials", "http://localhost:3000", "http://localhost:3001 http://admin.localhost:3000 null"},
		{"none", "", "http://localhost:3000 http://localhost:3001 null"},
		{"enforced", "http://localhost:3000", "http://localhost:3001 null"},
		{"report-only", "", "http://localhost:3000 http://localhost:3001 null"},
	} {
		for origin := range strings.FieldsSeq(test.allowed) {
			want := p.replaced.Replace(origin)
			if test.policy == "any" {
				want = wildcard
			}
			if r := p.do(p.api, "GET /"+test.policy+"/hello\nOrigin: "+origin); r.StatusCode != http.StatusOK || r.Header.Get(headerAllowOrigin) != want {
				p.t.Errorf("%s\n\n%s\nwant Allow-Origin %s", r.Asked, r, want)
			}
		}
		for origin := range strings.FieldsSeq(test.denied) {
			want := http.StatusOK
			if test.policy == "enforced" {
				want = http.StatusForbidden
			}
			if r := p.do(p.api, "GET /"+test.policy+"/hello\nOrigin: "+origin); r.StatusCode != want || r.Header.Get(headerAllowOrigin) != "" {
				p.t.Errorf("%s\n\n%s\nwant status %d, and no Allow-Origin", r.Asked, r, want)
			}
		}
	}
}

func (p playground) checkAPI() {
	const origin = "\nOrigin: http://localhost:3000"
	allowPage := p.replaced.Replace("Allow-Origin: http://localhost:3000")
	p.do(p.api, "OPTIONS /credentials/hello"+origin+"\nAccess-Control-Request-Method: DELETE").Want(p.t, 204, allowPage, vary,
		"Allow-Credentials: true", "Allow-Methods: GET, PUT", "Allow-Headers: Content-Type, Authorization", "Expose-Headers: X-Total-Count", "Max-Age: 600")
	p.do(p.api, "GET /exact/missing"+origin).Want(p.t, 404, allowPage, vary)
	r := p.do(p.api, "GET /exact/old?try=7"+origin)
	if r.Want(p.t, 302, allowPage, vary); r.Header.Get("Location") != "new?try=7" {
		p.t.Errorf("the redirect is %s", r)
	}
	r = p.do(p.api, "GET /exact/events"+origin)
	if r.Want(p.t, 200, allowPage, vary); r.Header.Get(headerContentType) != "text/event-stream" || !strings.HasSuffix(r.Text, "\n\n") {
		p.t.Errorf("the events are %s", r)
	}
	r = p.do(p.api, "PUT /exact/hello"+origin+"\nCookie: playground=blue")
	if r.Want(p.t, 200, allowPage, vary); !strings.Contains(r.Text, "PUT with the cookie 'blue'") || r.Header.Get("X-Total-Count") != "42" {
		p.t.Errorf("the API says %s", r)
	}
}

// checkSocket has the key and the answer of RFC 6455, section 1.3.
func (p playground) checkSocket() {
	const handshake = "\nHost: localhost:8000\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nOrigin: https://app.example.com"
	for policy, want := range map[string]int{"none": 101, "exact": 101, "enforced": 403} {
		r, err := p.api.Send(p.replaced.Replace("GET /" + policy + "/socket" + handshake))
		if err != nil {
			p.t.Fatal(err)
		}
		_ = r.Body.Close()
		if key := r.Header.Get("Sec-WebSocket-Accept"); r.StatusCode != want || want == 101 && key != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
			p.t.Errorf("%s: the handshake is answered with %d, and the key %q", policy, r.StatusCode, key)
		}
	}
}

// checkPassed holds that what the page's server passes on has the origin that the page
// tells, and nothing of the page's own request; and what the log says of it.
func (p playground) checkPassed() {
	const told = "\nSec-Fetch-Site: same-origin\nReferer: http://localhost:3000/\nCookie: playground=blue\nPlayground-Origin: https://app.example.com"
	p.do(p.page, "PUT /as/exact/hello?try=8\nOrigin: http://localhost:3000"+told).Want(p.t, 200, vary)
	p.do(p.page, "OPTIONS /as/exact/hello?try=9"+told+"\nPlayground-Method: PUT\nPlayground-Headers: x-one").Want(p.t, 403, vary)
	log := readPage(p.t, p.log)
	for try, words := range map[string][]string{
		"8": {`"method":"PUT"`, `"Origin":["https://app.example.com"]`, `"cors":{"outcome":"denied","reason":"origin_not_allowed"`, `"Cookie":["REDACTED"]`},
		"9": {`"method":"OPTIONS"`, `"Access-Control-Request-Method":["PUT"]`, `"Access-Control-Request-Headers":["x-one"]`, `"status":403`, `"resp_headers"`},
	} {
		found := ""
		for line := range strings.Lines(log) {
			if strings.Contains(line, "?try="+try) {
				found = line
			}
		}
		for _, word := range words {
			if !strings.Contains(found, word) {
				p.t.Errorf("the log of try %s has no %s: %s", try, word, found)
			}
		}
		for _, word := range []string{"Playground-", "Sec-Fetch", "Referer"} {
			if strings.Contains(found, word) {
				p.t.Errorf("the log of try %s has %s: %s", try, word, found)
			}
		}
	}
	if strings.Contains(log, "/accept") {
		p.t.Errorf("the log has the other half of a handshake:\n%s", log)
	}
}

var (
	htmlLink  = regexp.MustCompile(`<a href="https://[^"]+">`)
	webURL    = regexp.MustCompile(`(?:https?|wss?)://[\w-]+(?:\.[\w-]+)*`)
	localURL  = regexp.MustCompile(`^http://(?:admin\.)?localhost$`)
	assetCode = regexp.MustCompile(`\bsrc\s*=|<link|@import|\burl\(|\bimport(?:\s*\(|\s+[\w{*'"])|innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(`)
)

// TestPlaygroundStandsAlone holds that the page needs nothing but itself, and makes no HTML of text.
func TestPlaygroundStandsAlone(t *testing.T) {
	page := htmlLink.ReplaceAllString(readPage(t, playgroundPage), "")
	page = strings.Replace(page, `<link rel="icon" href="data:,">`, "", 1)
	page = strings.Replace(page, "\t\tframe.src = `${origin === sandboxed ? location.origin : origin}/?frame`;\n", "", 1)
	for _, code := range assetCode.FindAllString(page, -1) {
		t.Errorf("the page has %q", code)
	}
	urls := webURL.FindAllString(page, -1)
	if len(urls) < 10 {
		t.Errorf("%d URLs", len(urls))
	}
	for _, found := range urls {
		if !localURL.MatchString(found) && found != "https://app.example.com" {
			t.Errorf("the page names %s", found)
		}
	}
}

var cssColour = regexp.MustCompile(`--([\w-]+): #([0-9a-f]{3,6});`)

// TestPlaygroundContrast holds the colours of text against those behind it, light and
// dark, by WCAG 2.2, success criterion 1.4.3, and those of the edges of fields by 1.4.11.
func TestPlaygroundContrast(t *testing.T) {
	light, dark, found := strings.Cut(readPage(t, playgroundPage), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("the page has no dark colours")
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := make(map[string]float64)
		for _, match := range cssColour.FindAllStringSubmatch(css, -1) {
			colours[match[1]] = luminance(t, match[2])
		}
		for _, pair := range []string{
			"text/page", "text/card", "text/code", "soft/page", "soft/card", "soft/code", "accent/page", "accent/card", "on-accent/accent",
			"good/page", "good/card", "good/good-tint", "bad/page", "bad/card", "bad/bad-tint",
			"edge/page", "edge/card",
		} {
			front, back, _ := strings.Cut(pair, "/")
			a, known := colours[front]
			b, alsoKnown := colours[back]
			least := 4.5
			if front == "edge" {
				least = 3
			}
			if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); !known || !alsoKnown || contrast < least {
				t.Errorf("%s: %s has a contrast of %.2f", scheme, pair, contrast)
			}
		}
	}
}

// luminance is the relative luminance of a colour, by WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = strings.Repeat(hex[:1], 2) + strings.Repeat(hex[1:2], 2) + strings.Repeat(hex[2:], 2)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		value, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		part := float64(value) / 255
		if part <= 0.04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+0.055)/1.055, 2.4)
		}
		sum += weight * part
	}
	return sum
}
