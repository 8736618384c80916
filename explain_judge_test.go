package caddycors

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// browse does what a browser does with a page's request, on a running Caddy, and
// reports whether the page gets to read the response.
func browse(t *testing.T, site *client, p pageRequest) bool {
	t.Helper()
	passes := func(kind requestKind, r *http.Request) bool {
		var request strings.Builder
		fmt.Fprintf(&request, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
		if err := r.Header.Write(&request); err != nil {
			t.Fatal(err)
		}
		got := site.Do(strings.TrimSuffix(strings.ReplaceAll(request.String(), "\r\n", "\n"), "\n"))
		return newCORSHeaders(decision{kind: kind}, r, got.StatusCode, got.Header).verdict != verdictBlocked
	}
	if p.SameOrigin {
		return true
	}
	return (!p.NeedsPreflight || passes(kindPreflight, p.served(p.Preflight))) && passes(kindActual, p.served(p.Request))
}

// TestExplainSaysWhatCaddyDoes holds the explanation of each config, for each request,
// against a Caddy that runs it, as a browser sees that.
func TestExplainSaysWhatCaddyDoes(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "there.html"), "there")
	const app = "https://app.example.com"
	type row struct{ name, site, more string }
	configs := []row{
		{"one line", "cors https://app.example.com\nrespond hi", ""},
		{"star", "cors *\nrespond hi", ""},
		{"none", "cors none\nrespond hi", ""},
		{"no cors", "respond hi", ""},
		{"not even an answer", "", ""},
		{"null", "cors null {\ndangerously_allow null_origin\n}\nrespond hi", ""},
		{"regex", "cors {\nallow_origin_regex https://[a-z]+\\.example\\.com\n}", ""},
		{"methods", "cors https://*.example.com {\nallow_methods GET DELETE\n}\nrespond hi", ""},
		{"headers", "cors https://app.example.com {\nallow_headers X-Token\n}\nrespond hi", ""},
		{"no headers", "cors https://app.example.com {\nallow_headers none\n}\nrespond hi", ""},
		{"star headers", "cors https://app.example.com {\nallow_headers *\n}\nrespond hi", ""},
		{"credentials", "cors https://app.example.com {\nallow_credentials\nallow_methods *\nallow_headers *\n}\nrespond hi", ""},
		{"policies", "cors {\npolicy a {\nallow_origins https://app.example.com\nallow_methods GET\n}\npolicy b {\nallow_origins https://*.example.com\n}\n}\nrespond hi", ""},
		{"path", "cors /api/* https://app.example.com\nrespond hi", ""},
		{"paths", "cors /api/* *\ncors https://app.example.com\nrespond hi", ""},
		{"method", "@get method GET\ncors @get https://app.example.com\nrespond hi", ""},
		{"not", "@not not path /api/*\ncors @not https://app.example.com\nrespond hi", ""},
		{"expression", "@api expression path('/api/*')\ncors @api https://app.example.com\nrespond hi", ""},
		{"origin matcher", "@own cors_origin https://app.example.com\ncors @own *\nrespond hi", ""},
		{"header matcher", "@token header X-Token *\ncors @token https://app.example.com\nrespond hi", ""},
		{"enforce", "cors https://app.example.com {\nenforce\n}\nrespond hi", ""},
		{"report only", "cors https://app.example.com {\nreport_only\n}\nrespond hi", ""},
		{"report only, ahead", "route {\ncors * {\nreport_only\n}\ncors https://app.example.com\n}\nrespond hi", ""},
		{"forwarded", "cors https://app.example.com {\nforward_preflights\n}\nrespond hi", ""},
		{"forwarded, and refused", "cors https://app.example.com {\nforward_preflights\n}\nrespond no 405", ""},
		{"forwarded to files", "root " + dir + "\ncors https://app.example.com {\nforward_preflights\n}\nfile_server", ""},
		{"forwarded to a redirect", "cors https://app.example.com {\nforward_preflights\n}\n@not not path /there.html\nredir @not /there.html", ""},
		{"forwarded to an error", "cors https://app.example.com {\nforward_preflights\n}\nerror 403", ""},
		{"proxied", "cors https://app.example.com\nreverse_proxy $B", "http://$B {\nheader Access-Control-Allow-Origin *\nrespond hi\n}"},
		{"handle", "handle /api/* {\ncors https://app.example.com\nrespond api\n}\nhandle {\ncors https://evil.example\nrespond hi\n}", ""},
		{"handle, of which only one runs", "handle /api/* {\nheader X-Api yes\n}\nhandle {\ncors https://app.example.com\n}", ""},
		{"handle_path", "handle_path /api/* {\ncors /items https://app.example.com\nrespond api\n}", ""},
		{"nested", "route /api/* {\nhandle /api/items {\nroute {\ncors https://app.example.com\n}\n}\nrespond hi\n}", ""},
		{"answered first", "route {\nrespond /api/* api\ncors https://app.example.com\nrespond hi\n}", ""},
		{"an error first", "route {\nerror /api/* 404\ncors https://app.example.com\nrespond hi\n}", ""},
		{"redirected first", "route {\nredir /api/* /\ncors https://app.example.com\nrespond hi\n}", ""},
		{"aborted", "route {\n@none path /none\nabort @none\ncors https://app.example.com\nrespond hi\n}", ""},
		{"rewritten", "route {\nrewrite /api/* /new{uri}\ncors /new/* https://app.example.com\nrespond hi\n}", ""},
		{"stripped", "route {\nuri strip_prefix /api\ncors /items https://app.example.com\nrespond hi\n}", ""},
		{"method rewritten", "route {\nmethod GET\ncors https://app.example.com\nrespond hi\n}", ""},
		{"try_files", "root " + dir + "\nroute {\ntry_files {path}.html\ncors /there.html https://app.example.com\n}\nrespond hi", ""},
		{"try_files, else an error", "root " + dir + "\nroute {\ntry_files {path}.html =404\ncors https://app.example.com\n}\nrespond hi", ""},
		{"vars", "route {\nvars /api/* open yes\n@open vars open yes\ncors @open https://app.example.com\n}\nrespond hi", ""},
		{"map", "route {\nmap {path} {open} {\n/api/items yes\ndefault no\n}\n@open vars {open} yes\ncors @open https://app.example.com\n}\nrespond hi", ""},
		{"request header", "route {\nrequest_header /api/* X-Open yes\n@open header X-Open yes\ncors @open https://app.example.com\n}\nrespond hi", ""},
		{"no Origin left", "route {\nrequest_header -Origin\ncors https://app.example.com\n}\nrespond hi", ""},
		{"no Origin left for all", "route {\nrequest_header -Origin\ncors *\n}\nrespond hi", ""},
		{"passes through", "route {\nencode\nlog_append a b\nrequest_body {\nmax_size 1MB\n}\ntemplates\nintercept {\n}\ncors https://app.example.com\n}\nrespond hi", ""},
		{"invoked", "route {\ninvoke open\n}\nrespond hi", "&(open) {\ncors /api/* https://app.example.com\n}"},
		{"early hints", "route {\nrespond 103\ncors https://app.example.com\n}\nrespond hi", ""},
		{"files ahead", "root " + t.TempDir() + "\nroute {\nfile_server {\npass_thru\n}\ncors https://app.example.com\n}\nrespond hi", ""},
		{"metrics", "route {\nmetrics /api/*\ncors https://app.example.com\n}", ""},
		{"forward_auth ahead", "forward_auth $B {\nuri /\n}\nhandle {\ncors https://app.example.com\nrespond hi\n}", "http://$B {\n@preflight header X-Forwarded-Method OPTIONS\nrespond @preflight 401\nrespond 200\n}"},
		{"forward_auth behind", "cors https://app.example.com\nforward_auth $B {\nuri /\n}\nrespond hi", "http://$B {\n@preflight header X-Forwarded-Method OPTIONS\nrespond @preflight 401\nrespond 200\n}"},
		{"forward_auth behind, with preflights", "cors https://app.example.com {\nforward_preflights\n}\nforward_auth $B {\nuri /\n}\nrespond hi", "http://$B {\n@preflight header X-Forwarded-Method OPTIONS\nrespond @preflight 401\nrespond 200\n}"},
		{"another handler ahead", "cors https://app.example.com\nheader Access-Control-Allow-Origin *\nrespond hi", ""},
		{"snippet", "import open https://app.example.com\nrespond hi", "(open) {\ncors {args[0]}\n}"},
		{"in an error route alone", "handle_errors {\ncors https://app.example.com\n}\nrespond hi", ""},
		{"client's address", "@inside remote_ip 203.0.113.0/24\ncors @inside https://app.example.com\nrespond hi", ""},
	}
	requests := []struct {
		origin, method, path string
		headers              []string
	}{
		{app, "GET", "/api/items", nil},
		{app, "GET", "/", nil},
		{app, "GET", "/there", nil},
		{app, "POST", "/api/items", []string{"Content-Type: text/plain"}},
		{app, "POST", "/api/items", []string{"Content-Type"}},
		{app, "PUT", "/api/items?a=b", nil},
		{app, "patch", "/api/items", nil},
		{app, "DELETE", "/there.html", nil},
		{app, "PURGE", "/api/items", nil},
		{app, "GET", "/api/items", []string{"X-Token: a"}},
		{app, "GET", "/api/items", []string{"Authorization: Bearer a"}},
		{app, "PUT", "/api/items", []string{"X-Token", "X-Other"}},
		{"https://evil.example", "GET", "/api/items", nil},
		{"https://evil.example", "PUT", "/api/items", nil},
		{"https://b.example.com", "DELETE", "/api/items", nil},
		{"null", "GET", "/api/items", nil},
		{"null", "PUT", "/", nil},
		{"http://$A", "PUT", "/api/items", nil},
	}
	for _, config := range configs {
		t.Run(config.name, func(t *testing.T) {
			site := newClient(t)
			backend := newClient(t).Address
			caddyfile := prelude + strings.NewReplacer("$A", site.Address, "$B", backend).Replace(config.more+"\nhttp://$A {\n"+config.site+"\n}\n")
			config := adapt(t, caddyfile)
			loadCaddy(t, config)
			file, jsonFile := filepath.Join(t.TempDir(), "Caddyfile"), filepath.Join(t.TempDir(), "caddy.json")
			writeFile(t, file, caddyfile)
			writeFile(t, jsonFile, string(config))
			for _, request := range requests {
				from := strings.ReplaceAll(request.origin, "$A", site.Address)
				p, err := newPageRequest(pageFlags{origin: from, method: request.method, headers: request.headers}, site.URL(request.path))
				if err != nil {
					t.Fatal(err)
				}
				does := browse(t, site, p)
				for _, config := range []string{file, jsonFile} {
					says, err := explainConfig(config, "", p, false)
					if err != nil {
						t.Fatal(err)
					}
					if does != says.Readable {
						var text strings.Builder
						_ = says.writeText(&text)
						t.Errorf("%s %s %s from %s: readable is %t, but it says\n%s", request.method, request.path, request.headers, from, does, text.String())
					}
				}
			}
		})
	}
}

// TestExplainSaysWhatPlainHTTPDoes holds it against a Caddy that redirects to HTTPS by
// itself.
func TestExplainSaysWhatPlainHTTPDoes(t *testing.T) {
	const site, all = "localhost {\ncors https://app.example.com\nrespond hi\n}\n", "http:// {\ncors https://app.example.com\nrespond all\n}\n"
	for _, test := range []struct {
		name, options, sites string
		localhost, other     bool // whether a page may read the response
	}{
		{"redirected", "", site, false, false},
		{"another site for all hosts", "", site + all, false, true},
		{"both", "", strings.Replace(site, "localhost", "http://localhost, https://localhost", 1), true, false},
		{"another site on its own port", "", strings.Replace(site, "localhost", "https://localhost:$C", 1), false, false},
		{"all hosts", "", "https:// {\ntls internal {\non_demand\n}\ncors https://app.example.com\n}\n" + all, true, true},
		{"no redirects", "auto_https disable_redirects\n", site + all, true, true},
		{"no certificates", "auto_https disable_certs\n", site + all, true, true},
		{"not automatic", "auto_https off\n", "https://localhost {\ntls internal\n}\n" + all, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newClient(t)
			port := func(c *client) string { _, port, _ := strings.Cut(c.Address, ":"); return port }
			options := "http_port " + port(a) + "\nhttps_port " + port(newClient(t)) + "\nlocal_certs\nskip_install_trust\nstorage file_system " + storage(t) + "\n" + test.options
			caddyfile := strings.Replace(prelude, "auto_https off\n", options, 1) + strings.ReplaceAll(test.sites, "$C", port(newClient(t)))
			loadCaddy(t, adapt(t, caddyfile))
			file := filepath.Join(t.TempDir(), "Caddyfile")
			writeFile(t, file, caddyfile)
			for host, want := range map[string]bool{"localhost": test.localhost, "other.localhost": test.other} {
				for _, method := range []string{"GET", "PUT"} {
					p, err := newPageRequest(pageFlags{origin: "https://app.example.com", method: method}, "http://"+host+"/")
					if err != nil {
						t.Fatal(err)
					}
					says, err := explainConfig(file, "", p, false)
					if err != nil {
						t.Fatal(err)
					}
					if does := browse(t, a, p); does != want || says.Readable != want {
						t.Errorf("%s of %s: readable is %t, and it says %t; want %t", method, host, does, says.Readable, want)
					}
				}
			}
		})
	}
}

// TestExplainSaysWhatTLSDoes holds it against a Caddy that serves HTTPS with a
// certificate of its own.
func TestExplainSaysWhatTLSDoes(t *testing.T) {
	a := newClient(t)
	cert, key := corstest.Certificate(t)
	caddyfile := prelude + "https://" + a.Address + " {\ntls " + cert + " " + key + "\n@tls protocol http/2\ncors @tls https://app.example.com\nrespond hi\n}\n"
	loadCaddy(t, adapt(t, caddyfile))
	file := filepath.Join(t.TempDir(), "Caddyfile")
	writeFile(t, file, caddyfile)
	for _, test := range []struct {
		origin, method string
		want           bool
	}{
		{"https://app.example.com", "GET", true},
		{"https://app.example.com", "PUT", true},
		{"https://app.example.com", "PURGE", false},
		{"https://evil.example", "GET", false},
		{"http://" + a.Address, "GET", false}, // the same host, and another scheme
	} {
		p, err := newPageRequest(pageFlags{origin: test.origin, method: test.method}, "https://"+a.Address+"/")
		if err != nil {
			t.Fatal(err)
		}
		says, err := explainConfig(file, "", p, false)
		if err != nil {
			t.Fatal(err)
		}
		if does := browse(t, a.Over(corstest.H2), p); does != test.want || says.Readable != test.want {
			t.Errorf("%s from %s: readable is %t, and it says %t; want %t", test.method, test.origin, does, says.Readable, test.want)
		}
	}
}

// storage returns a directory for a Caddy that may still write to it when it has
// stopped.
func storage(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for deadline := time.Now().Add(10 * time.Second); os.RemoveAll(dir) != nil && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
	})
	return dir
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
