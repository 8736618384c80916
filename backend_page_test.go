package caddycors

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const backendPage = "docs/behind-a-backend.md"

// TestBackendPage holds each row of each table of the page on backends against a real
// Caddy in front of a backend.
func TestBackendPage(t *testing.T) {
	pages := map[string]string{"allowed": "\nOrigin: https://app.example.com", "strange": "\nOrigin: https://evil.example", "none": ""}
	run := func(option, backend, request, page string, status int, headers string) {
		t.Helper()
		origin, ok := pages[page]
		if !ok {
			t.Fatalf("there is no page %q", page)
		}
		var lines []string
		for _, line := range codes(headers) {
			lines = append(lines, strings.TrimPrefix(line, "Access-Control-"))
		}
		if (headers == "nothing") == (len(lines) > 0) {
			t.Fatalf("the cell %q says neither nothing nor what", headers)
		}
		a := runCaddy(t, "http://$A {\ncors https://app.example.com {\n"+option+"\n}\nreverse_proxy $B\n}\nhttp://$B {\n"+backend+"\n}")
		a.Do(request+origin).Want(t, status, lines...)
	}
	testTables(t, backendPage, map[string]func(row []string){
		"option | the backend's headers | page | the client's headers": func(row []string) {
			backend := ""
			for _, line := range codes(row[1]) {
				name, value, _ := strings.Cut(line, ": ")
				backend += "header +" + name + " \"" + value + "\"\n"
			}
			if (row[1] == "none") == (backend != "") {
				t.Fatalf("the cell %q says neither none nor what", row[1])
			}
			for _, status := range []int{200, 404, 500} { // the same, whatever the status
				run(code(t, row[0]), backend+"respond hello "+strconv.Itoa(status), "GET /", row[2], status, row[3])
			}
		},
		"option | the backend's status | page | the client's status | the client's headers": func(row []string) {
			status, err := strconv.Atoi(code(t, row[3]))
			if err != nil {
				t.Fatal(err)
			}
			run(code(t, row[0]), "respond "+code(t, row[1]), "OPTIONS /\nAccess-Control-Request-Method: PUT", row[2], status, row[4])
		},
	})
}

// TestBackendPageExamples runs every Caddyfile of the page on backends. Its site listens
// on $A, its backends on $B and $C.
func TestBackendPageExamples(t *testing.T) {
	blocks := codeBlocks(t, backendPage)
	driven := map[string]bool{"log": true, "plain http": true} // by the tests below
	type row struct {
		request string
		status  int
		lines   []string
	}
	const open = "header Access-Control-Allow-Origin *\nrespond hello"
	from := func(origin, request string) string {
		return strings.Replace(request, "https://app.example.com", origin, 1)
	}
	at := func(path, request string) string { return strings.Replace(request, "/", path, 1) }
	for _, test := range []struct {
		block, backend, second string
		rows                   []row
	}{
		{"trial", open, "", []row{{get, 200, []string{allowAll}}, {getOther, 200, []string{allowAll}}}},
		{"trial beside a policy", open, "", []row{{get, 200, []string{allowAll}}, {getOther, 200, []string{allowAll}}}},
		{"without the origin", "@told header Origin *\nerror @told 500\n" + open, "", []row{
			{from("https://admin.example.com", get), 200, []string{"Allow-Origin: https://admin.example.com", vary}},
			{getOther, 200, []string{vary}},
		}},
		{"websocket", open, "", []row{
			{at("/socket", get) + webSocket, 200, []string{allowApp, vary}},
			{at("/socket", getOther) + webSocket, 403, []string{vary}},
			{at("/socket/", getOther) + webSocket, 403, []string{vary}},
			{getOther, 200, []string{vary}},
		}},
		{"error route", "abort", open, []row{{get, 200, []string{allowApp, vary}}, {getOther, 200, []string{vary}}}},
		{"ahead of authentication", open, "", []row{
			{at("/api/x", preflight), 204, preflightLines(allowApp, vary)},
			{at("/api/x", get), 401, []string{allowApp, vary}},
		}},
	} {
		t.Run(test.block, func(t *testing.T) {
			site := strings.NewReplacer("api.example.com {", "http://$A {", "localhost:9000", "$B", "localhost:9001", "$C").Replace(blocks[test.block])
			a := runCaddy(t, site+"http://$B {\n"+test.backend+"\n}\nhttp://$C {\n"+test.second+"\n}")
			for _, row := range test.rows {
				a.Do(row.request).Want(t, row.status, row.lines...)
			}
		})
		driven[test.block] = true
	}
	allDriven(t, blocks, driven)

	t.Run("error route, without the second cors", func(t *testing.T) {
		a := runCaddy(t, "http://$A {\ncors https://app.example.com\nreverse_proxy $C\nhandle_errors {\nreverse_proxy $B\n}\n}\nhttp://$B {\n"+open+"\n}")
		a.Do(get).Want(t, 200, allowApp, allowAll, vary)
	})
	t.Run("ahead of authentication, inside handle", func(t *testing.T) {
		a := runCaddy(t, "http://$A {\n"+basicAuth+"\nhandle {\ncors https://app.example.com\nrespond hi\n}\n}")
		a.Do(preflight).Want(t, 401)
	})
}

// TestBackendPageLog holds the line of the log that the page shows against the one that
// is logged.
func TestBackendPageLog(t *testing.T) {
	blocks := codeBlocks(t, backendPage)
	var want map[string]any
	if err := json.Unmarshal([]byte(blocks["log"]), &want); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "log")
	site := strings.NewReplacer("api.example.com {", "http://$A {", "localhost:9000", "$B").Replace(blocks["trial"])
	a := runCaddyWith(t, strings.Replace(prelude, "output discard", "output file "+file+"\ninclude http.handlers.cors", 1),
		site+"http://$B {\nheader Access-Control-Allow-Origin *\nrespond hi\n}")
	a.Do("GET /\nOrigin: https://old.example")
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(string(log)))
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	maps.DeleteFunc(got, func(name string, _ any) bool { return name == "level" || name == "ts" || name == "logger" })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("logged %v, the page shows %v", got, want)
	}
}

// TestPlainHTTP shows what Caddy's own redirect to HTTPS makes of a preflight, and what
// the page says to write instead.
func TestPlainHTTP(t *testing.T) {
	for _, test := range []struct {
		name, site string
		get, asked int
		lines      func(lines ...string) []string
	}{
		{"the redirect", "localhost {\ncors https://app.example.com\nreverse_proxy $B\n}\n", 308, 308, func(...string) []string { return nil }},
		{"answered", codeBlocks(t, backendPage)["plain http"], 200, 204, func(lines ...string) []string { return lines }},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, tls := newClient(t), newClient(t)
			_, port, _ := strings.Cut(a.Address, ":")
			_, tlsPort, _ := strings.Cut(tls.Address, ":")
			backend := newClient(t)
			options := strings.Replace(prelude, "auto_https off", "http_port "+port+"\nhttps_port "+tlsPort+
				"\nlocal_certs\nskip_install_trust\ndefault_sni localhost\nstorage file_system "+t.TempDir(), 1)
			site := strings.NewReplacer("api.example.com", "localhost", "localhost:9000", backend.Address, "$B", backend.Address).Replace(test.site)
			loadCaddy(t, adapt(t, options+site+"http://"+backend.Address+" {\nrespond hello\n}"))

			a.Do(get+"\nHost: localhost").Want(t, test.get, test.lines(allowApp, vary)...)
			a.Do(preflight+"\nHost: localhost").Want(t, test.asked, test.lines(preflightLines(allowApp, vary)...)...)
			https := tls.Over(corstest.H2)
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				if _, err := https.Try("GET /\nHost: localhost"); err == nil {
					break // Caddy has made its certificate
				}
			}
			https.Do(get+"\nHost: localhost").Want(t, 200, allowApp, vary)
			https.Do(preflight+"\nHost: localhost").Want(t, 204, preflightLines(allowApp, vary)...)
		})
	}
}

// TestOutOfReach shows what the page says of requests that no route gets, and of
// responses that break off.
func TestOutOfReach(t *testing.T) {
	backend := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	a := runCaddyTLS(t, "cors https://app.example.com\nreverse_proxy "+backend, "")
	for _, protocol := range overTLS {
		r, err := a.Over(protocol).Try(get)
		if err == nil {
			t.Errorf("%s: the whole of %s", protocol, r)
		}
		if r.Response != nil { // over HTTP/3, a reset may overtake the header
			r.Want(t, 200, allowApp, vary)
		}
	}

	plain := runCaddy(t, "http://$A {\ncors https://app.example.com\nrespond hi\n}")
	origin := "\r\nOrigin: https://app.example.com"
	plain.Raw("GET / HTTP/1.1"+origin+"\r\n\r\n").Want(t, 400) // no Host
	plain.Raw(strings.Repeat("A", 33)+" / HTTP/1.1\r\nHost: "+plain.Address+origin+"\r\n\r\n").Want(t, 405)
	plain.Raw("GET / HTTP/1.1\r\nHost: "+plain.Address+origin+"\r\nExpect: more\r\n\r\n").Want(t, 417)
	plain.Raw("GET / HTTP/1.1\r\nHost: "+plain.Address+origin+"\r\nX: "+strings.Repeat("a", 1<<17)+"\r\n\r\n").Want(t, 431)
}
