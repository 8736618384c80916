//go:build linux

package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	_ "github.com/seed-9442523e/caddy-cors/proxy"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// proxyDriver is put behind the page of the example: it presses its buttons, asks for more
// in other ways, and reports what the page shows and what it could read.
const proxyDriver = `<script>
const wait = ms => new Promise(done => setTimeout(done, ms))
const seen = {}
async function note(name, ask) {
	const answer = async () => { const r = await ask(); return r.status + " " + await r.text() }
	try { seen[name] = await Promise.race([answer(), wait(10000).then(() => "no end")]) } catch { seen[name] = "blocked" }
}
async function frame(url) {
	const f = document.createElement("iframe")
	const loaded = new Promise(done => { f.onload = done })
	f.src = url
	document.body.append(f)
	await Promise.race([loaded, wait(10000)])
	try { return f.contentDocument ? "same-origin" : "another origin" } catch { return "another origin" }
}
(async () => {
	for (const button of document.querySelectorAll("button")) {
		button.click()
		const output = button.parentElement.querySelector("output")
		for (let i = 0; i < 500 && !output.textContent; i++) await wait(20)
		seen[button.id] = output.textContent
	}
	const site = "http://localhost:8000", url = api + "/weather/oslo"
	await note("query", () => fetch(site + "/?" + url))
	await note("path", () => fetch(site + "/" + url))
	await note("head", () => fetch(proxied(url), { method: "HEAD" }))
	await note("preflighted", () => fetch(proxied(url), { headers: { "X-Api-Key": "k" } }))
	await note("post", () => fetch(proxied(url), { method: "POST", body: "a" }))
	await note("credentials", () => fetch(proxied(url), { credentials: "include" }))
	await note("form", () => fetch(site + "/weather"))
	await note("long", () => fetch(proxied(api + "/weather/long")))
	await note("redirect", () => fetch(proxied(api + "/weather/elsewhere")))
	seen.frame = await frame(proxied(url))
	seen.cookie = document.cookie
	fetch("/report", { method: "POST", body: JSON.stringify(seen) })
})()
</script>`

// TestProxyPage shows what a page can read by a proxy, in real browsers, with the example.
func TestProxyPage(t *testing.T) {
	html, err := os.ReadFile("../examples/cors-proxy/index.html")
	if err != nil {
		t.Fatal(err)
	}
	caddyfile, err := os.ReadFile("../examples/cors-proxy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	api := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "tracking=1")
		switch {
		case r.URL.Path == "/weather/norway":
			http.Redirect(w, r, "/weather/oslo", http.StatusFound)
		case r.URL.Path == "/weather/elsewhere":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case r.URL.Path == "/weather/long":
			_, _ = w.Write(make([]byte, 1000))
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(make([]byte, 11_000_000))
		case r.Header.Get("Authorization") != "Bearer example-key" || r.Header.Get("Cookie") != "" || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Mode") != "":
			w.WriteHeader(http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte("Oslo"))
		}
	}))
	for _, engine := range []fetch.Engine{fetch.Chromium, fetch.Firefox, fetch.WebKit} {
		t.Run(engine.String(), func(t *testing.T) {
			// Over TLS, so that browsers speak HTTP/2. What is cut short then is no response to any
			// of them: WebKit's port for GTK waits for the rest, and over HTTP/1.1 would take it for
			// a whole one.
			site := "localhost:" + freePort(t, "")
			page := servePages(t, true)
			cert, key := corstest.Certificate(t, "localhost")
			ports := strings.NewReplacer("http://localhost:3000", page.origin, "http://localhost:8000", "https://"+site, "localhost:9000", api,
				"# Whose pages may use it ...", "tls "+cert+" "+key)
			page.handle = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(ports.Replace(string(html) + proxyDriver)))
			}
			_, proxy, found := strings.Cut(string(caddyfile), "# The proxy.\n")
			if !found {
				t.Fatal("the example has no proxy")
			}
			startCaddy(t, "", ports.Replace(proxy))
			b := openBrowser(t, engine, page.origin)
			var seen map[string]string
			page.report(t, b, &seen)
			long := "blocked"
			if engine == fetch.WebKit {
				long = "no end"
			}
			for name, want := range map[string]string{
				"direct": "blocked: TypeError", "proxied": "200 Oslo", "redirected": "200 Oslo", "refused": `403 {"status":403,"error":"target_not_allowed"`,
				"query": "200 Oslo", "path": "200 Oslo", "head": "200 ", "preflighted": "200 Oslo", "post": "405 method_not_allowed", "credentials": "blocked",
				"form": "400 request_malformed", "long": long, "redirect": "502 redirect_not_allowed", "frame": "another origin", "cookie": "",
			} {
				if got := seen[name]; !strings.HasPrefix(got, want) || want == "" && got != "" {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}
