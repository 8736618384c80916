//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	loadText = "hello"

	// loadRefused is added to the number of a generation whose config must be refused.
	loadRefused = 1_000_000

	// loadFillers is how many origins more the long policies have, which no request
	// has: it shows if the policies of a config outlive it.
	loadFillers = 1500
)

var loadPage = strings.Repeat("a page of text\n", 2000)

// loadSite makes the configs of the load test.
type loadSite struct {
	module      bool // whether the cors handlers are there
	admin       string
	tls, plain  string // addresses of the site
	backend     string // address of the backend that dies and comes back
	taken       string // an address that something else listens on
	dir         string
	certificate object
}

// object is a JSON object.
type object = map[string]any

func newLoadSite(t *testing.T, module bool, backend string) *loadSite {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "files", "page.html"), loadPage)
	certificate, key := corstest.Certificate(t)
	return &loadSite{
		module: module, dir: dir, backend: backend,
		tls: corstest.FreeAddress(t), plain: corstest.FreeAddress(t),
		taken:       serve(t, http.NotFoundHandler()),
		certificate: object{"certificate": certificate, "key": key},
	}
}

// config returns the config of a generation.
func (s *loadSite) config(g loadGeneration) string {
	secure := s.server(g, s.tls, "h1", "h2", "h3")
	secure["tls_connection_policies"] = []object{{}}
	return s.around(object{"secure": secure, "plain": s.server(g, s.plain, "h1")})
}

// refusedConfig is a config that must not replace the one that runs, and what the error
// has to say.
type refusedConfig struct{ config, reason string }

// refused returns configs that fail in all stages of a load: when they are parsed, when
// the policies are compiled, when a handler behind them is, and when a server starts.
func (s *loadSite) refused(number int) []refusedConfig {
	bad := *s
	bad.module = true
	g := newLoadGeneration(loadRefused + 5*number) // one that has origins
	whole := bad.config(g)
	return []refusedConfig{
		{whole[:len(whole)/2], "unexpected end of JSON input"},
		{strings.Replace(whole, loadAlways, loadAlways+"/", 1), "an origin has no trailing slash"},
		{strings.ReplaceAll(whole, `"handler":"file_server"`, `"handler":"file_server","nonsense":1`), `nonsense`},
		{bad.around(object{"blocked": bad.server(g, s.taken, "h1")}), "address already in use"},
	}
}

// around returns a config with these servers. Its log has what net/http says of
// handlers that panic or write twice, and does not have every error of a backend.
func (s *loadSite) around(servers object) string {
	config, err := json.Marshal(object{
		"admin":   object{"listen": s.admin, "config": object{"persist": false}},
		"storage": object{"module": "file_system", "root": s.dir},
		"logging": object{"logs": object{
			"default": object{"level": "INFO", "exclude": []string{"http.log.error", "http.handlers.reverse_proxy", "http.stdlib"}},
			"stdlib":  object{"level": "DEBUG", "include": []string{"http.stdlib"}},
		}},
		"apps": object{
			"http": object{"servers": servers},
			"tls":  object{"certificates": object{"load_files": []object{s.certificate}}},
		},
	})
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(config)
}

// server returns the site at an address. X-Config tells which config answered, without
// the module's help.
func (s *loadSite) server(g loadGeneration, address string, protocols ...string) object {
	text := object{"handler": "static_response", "body": loadText}
	fail := object{"handler": "error", "status_code": 503}
	proxy := proxyTo(s.backend)
	route := func(path string, options object, handlers ...object) object {
		return object{"match": []object{{"path": []string{path}}}, "handle": append(s.cors(g, options), handlers...), "terminal": true}
	}
	number := []string{strconv.Itoa(g.number)}
	long := object{"policies": g.long()}
	return object{
		"listen":          []string{address},
		"protocols":       protocols,
		"automatic_https": object{"disable": true},
		// Over HTTP/2, the timers of these hold on to a config for a minute after it was
		// replaced, with the module and without.
		"read_idle_timeout":  -1,
		"write_idle_timeout": -1,
		"routes": []object{
			{"handle": []object{{"handler": "headers", "response": object{"set": object{"X-Config": number}}}}},
			route("/respond", long, text),
			route("/forward", object{"forward_preflights": true}, object{"handler": "static_response", "body": loadText, "status_code": 299}),
			route("/proxy", nil, proxy),
			route("/keep", object{"upstream_headers": "keep"}, proxy),
			route("/enforced", object{"enforce": true}, proxy),
			route("/report", object{"report_only": true}, proxy),
			route("/dead", nil, proxyTo("127.0.0.1:1")), // a port that nothing has
			route("/error", nil, fail),
			route("/error-proxy", nil, fail),
			route("/auth", nil, basicAuthentication(), text),
			route("/zip", long, object{"handler": "encode", "encodings": object{"gzip": object{}}},
				object{"handler": "static_response", "body": loadPage, "headers": object{"Content-Type": []string{"text/plain"}}}),
			route("/files/*", nil, object{"handler": "file_server", "root": s.dir}),
		},
		"errors": object{"routes": []object{
			{"match": []object{{"path": []string{"/error"}}}, "handle": []object{{"handler": "static_response", "body": "sorry", "status_code": 503}}},
			route("/error-proxy", nil, proxy),
		}},
	}
}

// cors returns the module's handler. Where the module is not there, it is one of Caddy's
// own that does nothing, with a config of the same size: some configs that were replaced
// stay in Caddy's memory, with the module or without, and so what they hold.
func (s *loadSite) cors(g loadGeneration, options object) []object {
	handler := object{"handler": "cors", "policies": g.policies, "preflight_status": g.preflightStatus()}
	maps.Copy(handler, options)
	if !s.module {
		handler = object{"handler": "vars", "policies": handler["policies"]}
	}
	return []object{handler}
}

// long returns the policies with more origins.
func (g loadGeneration) long() []loadPolicy {
	policies := slices.Clone(g.policies)
	if p := &policies[0]; !p.open() {
		p.AllowOrigins = slices.Clone(p.AllowOrigins)
		for i := range loadFillers {
			p.AllowOrigins = append(p.AllowOrigins, fmt.Sprintf("https://filler-%d.g%d.example.org", i, g.number))
		}
	}
	return policies
}

func proxyTo(address string) object {
	return object{"handler": "reverse_proxy", "upstreams": []object{{"dial": address}}}
}

// basicAuthentication lets bob in, with the password "secret".
func basicAuthentication() object {
	account := object{"username": "bob", "password": "$2a$04$Wu9TICA0.BdNmDUOda7Ou.1qeRrcDHKP0Vetbu83ZBY2yK7fJ/I/m"}
	return object{"handler": "authentication", "providers": object{"http_basic": object{"accounts": []object{account}}}}
}

// withoutModule returns the answer of the site without the module. Where a backend may
// be dead, status says whether it was.
func (r *loadRequest) withoutModule(status int) loadAnswer {
	a := loadAnswer{size: -1}
	backend := false
	switch r.path {
	case "/respond":
		a.statuses, a.size = []int{200}, len(loadText)
	case "/forward":
		a.statuses, a.size = []int{299}, len(loadText)
	case "/proxy", "/keep", "/enforced", "/report":
		a.statuses, backend = []int{200, 502}, status == 200
		if r.header["Upgrade"] != nil {
			a.statuses, backend = []int{101, 502}, status == 101
		}
		if r.manner == abortSending {
			a.statuses = append(a.statuses, 499) // which Caddy gives a client that went away, and may still arrive
		}
		if status == 200 {
			a.size = r.asked
		}
	case "/error-proxy":
		a.statuses, backend = []int{200, 503}, status == 200
	case "/dead":
		a.statuses = []int{502}
	case "/error":
		a.statuses = []int{503}
	case "/auth":
		a.statuses = []int{401}
		if r.header["Authorization"] != nil {
			a.statuses = []int{200}
		}
	case "/zip":
		a.statuses, a.vary = []int{200}, []string{"accept-encoding"}
	case "/files/missing.html":
		a.statuses = []int{404}
	case "/files/page.html":
		a = r.file()
	}
	if backend {
		a.vary, a.grants = []string{"accept-language"}, loadBackendGrants
	}
	if r.method == http.MethodHead {
		a.size = 0
	}
	return a
}

func (r *loadRequest) file() loadAnswer {
	vary := []string{"accept-encoding"}
	switch {
	case r.method != http.MethodGet && r.method != http.MethodHead:
		return loadAnswer{statuses: []int{405}, vary: vary, size: -1}
	case r.header["Range"] != nil:
		return loadAnswer{statuses: []int{206}, vary: vary, size: 90}
	case r.header["If-Modified-Since"] != nil:
		return loadAnswer{statuses: []int{304}, vary: vary}
	}
	return loadAnswer{statuses: []int{200}, vary: vary, size: len(loadPage)}
}
