//go:build linux

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// scenarioServers are the built Caddy with the servers of all scenarios, and pages that
// it serves.
type scenarioServers struct {
	scenarios []scenario
	pages     *pages
	addresses map[string]string   // of the places, by name, as in "http://localhost:3000"
	values    []*strings.Replacer // what stands in braces, by scenario
	marker    *corstest.Client    // of a site whose requests are in the log, too
	log       string
}

// placeHosts are where the places are. Ports are added to them.
var placeHosts = map[string]string{
	"page": "http://localhost", "page 2": "http://localhost", "secure page": "https://localhost",
	"app": "https://app.example.com", "admin": "https://admin.example.com",
	"plain api": "http://localhost", "api 2": "http://localhost", "secure api": "https://localhost", "app api": "https://api.example.com",
}

// The names of the places of pages, and of servers.
var (
	pageNames   = []string{"page", "page 2", "app", "admin", "secure page"}
	serverNames = []string{"plain api", "api 2", "app api", "secure api"}
)

// apiOf is the place that a page calls {api}.
var apiOf = map[string]string{"page": "plain api", "page 2": "plain api", "app": "app api", "admin": "app api", "secure page": "secure api"}

// serveScenarios starts them.
func serveScenarios(t *testing.T, scenarios []scenario) *scenarioServers {
	t.Helper()
	s := &scenarioServers{
		scenarios: scenarios,
		pages:     servePages(t, false),
		addresses: make(map[string]string),
		marker:    corstest.NewClient(t, corstest.FreeAddress(t)),
		log:       filepath.Join(t.TempDir(), "requests.log"),
	}
	for name, host := range placeHosts {
		_, port, _ := strings.Cut(corstest.FreeAddress(t), ":")
		s.addresses[name] = host + ":" + port
	}
	files := t.TempDir()
	writeFile(t, filepath.Join(files, "hello.txt"), "hello")
	shared := []string{"{backend}", serve(t, scenarioBackend()), "{dead}", corstest.FreeAddress(t), "{files}", files}
	for i := range scenarios {
		s.values = append(s.values, strings.NewReplacer(append(s.places(i), shared...)...))
	}
	caddy := startCaddy(t, "auto_https disable_redirects\nlocal_certs\nservers {\nlog_credentials\n}", s.caddyfile())
	s.awaitCertificates(t, caddy)
	return s
}

// places are what a scenario calls its places, and where they are.
func (s *scenarioServers) places(i int) []string {
	page := s.scenarios[i].pageName()
	api := s.addresses[apiOf[page]]
	all := []string{
		"{slug}", slug(i), "{own}", s.addresses[page] + slug(i), "{api}", api + slug(i), "{api host}", hostOf(api),
		"{api socket}", strings.Replace(api, "http", "ws", 1) + slug(i), "{api 2 host}", hostOf(s.addresses["api 2"]),
	}
	for _, name := range serverNames {
		all = append(all, "{"+name+"}", s.addresses[name]+slug(i))
	}
	for _, name := range pageNames {
		all = append(all, "{"+name+"}", s.addresses[name])
	}
	return all
}

// caddyfile has a site for each place, where each scenario has a path.
func (s *scenarioServers) caddyfile() string {
	var b strings.Builder
	site := func(address string, lines func(scenario) string, more string) {
		fmt.Fprintf(&b, "%s {\nlog {\noutput file %s\n}\n", address, s.log)
		for i, sc := range s.scenarios {
			fmt.Fprintf(&b, "handle_path %s/* {\n%s\n}\n", slug(i), s.values[i].Replace(lines(sc)))
		}
		fmt.Fprintf(&b, "%s\n}\n", more)
	}
	for _, name := range serverNames {
		site(s.addresses[name], func(sc scenario) string {
			if name == "api 2" {
				return sc.api2
			}
			return sc.api
		}, "")
	}
	for _, name := range pageNames {
		site(s.addresses[name], func(sc scenario) string { return sc.own }, "reverse_proxy "+hostOf(s.pages.origin))
	}
	site("http://"+s.marker.Address, func(scenario) string { return "" }, "respond marked")
	return b.String()
}

// awaitCertificates waits until Caddy's own authority has signed what the sites need, which
// it does after Caddy has started.
func (s *scenarioServers) awaitCertificates(t *testing.T, caddy *caddyServer) {
	t.Helper()
	var authority struct {
		Root string `json:"root_certificate"`
	}
	if err := json.Unmarshal([]byte(caddy.admin.Do("GET /pki/ca/local").Text), &authority); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authority.Root)) {
		t.Fatalf("no certificate: %q", authority.Root)
	}
	deadline := time.Now().Add(30 * time.Second)
	for _, address := range s.addresses {
		name, port, _ := strings.Cut(hostOf(address), ":")
		for strings.HasPrefix(address, "https://") {
			conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{ServerName: name, RootCAs: roots})
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", address, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// hostOf returns host and port of an origin, with the path if it is a URL that has one.
func hostOf(url string) string { return url[strings.Index(url, "://")+3:] }

// slug is the first part of the paths of a scenario.
func slug(i int) string { return fmt.Sprintf("/s%d", i) }

// scenarioBackend has what a Caddyfile cannot say.
func scenarioBackend() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket", websocket.Server{Handler: func(c *websocket.Conn) { _, _ = io.Copy(c, c) }})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		// A backend with CORS headers of its own.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Backend", "yes")
		_, _ = io.WriteString(w, "backend")
	})
	return mux
}

// arrived returns what has arrived so far, by scenario.
func (s *scenarioServers) arrived(t *testing.T) [][]arrival {
	t.Helper()
	mark := fmt.Sprintf("/%d", time.Now().UnixNano())
	s.marker.Do("GET " + mark)
	all := make([][]arrival, len(s.scenarios))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(s.log)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(mark)) {
			if time.Now().After(deadline) {
				t.Fatal("the access log does not get on")
			}
			continue
		}
		for line := range bytes.Lines(text) {
			var a arrival
			if err := json.Unmarshal(line, &a); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			var i int
			if n, _ := fmt.Sscanf(a.Request.URI, "/s%d/", &i); n == 1 {
				all[i] = append(all[i], a)
			}
		}
		return all
	}
}

// serverAt returns what scenarios call the server at a host: "api", "api 2" or "own".
func (s *scenarioServers) serverAt(host string) string {
	for _, name := range pageNames {
		if hostOf(s.addresses[name]) == host {
			return "own"
		}
	}
	if hostOf(s.addresses["api 2"]) == host {
		return "api 2"
	}
	return "api"
}
