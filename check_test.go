package caddycors

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// checkJSON runs `caddy cors check --json`.
func checkJSON(t *testing.T, args ...string) (report checkReport, status int) {
	t.Helper()
	out, status, err := runCommandLine(t, append([]string{"check", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	if (report.Error == "") != (err == nil) {
		t.Errorf("%q: error %q, and %v", args, report.Error, err)
	}
	return report, status
}

// faultArgs are the arguments that check a fault.
func faultArgs(f corstest.Fault, place corstest.Place) []string {
	args := []string{f.URLAt(place), "--origin", place.Origin, "--insecure", "--send"}
	if f.Method != "" {
		args = append(args, "-X", f.Method)
	}
	for _, line := range f.Headers {
		args = append(args, "-H", line)
	}
	if f.Credentials {
		args = append(args, "--credentials")
	}
	return args
}

// TestCheckFaults checks servers that get CORS wrong, each in one way. The page can read
// the response of a server that answers as the command says, and that of a Caddy with
// the Caddyfile that it suggests.
func TestCheckFaults(t *testing.T) {
	at := corstest.ServeFaults(t, "http://app.example:3000", "https://app.example")
	for _, f := range corstest.Faults {
		t.Run(f.Name, func(t *testing.T) {
			place := at(f)
			args := faultArgs(f, place)
			report, status := checkJSON(t, args...)
			want := statusReadable
			if !f.Readable() {
				want = statusBlocked
			}
			if status != want || (report.Blocked == nil) != f.Readable() || report.Blocked != nil && report.Blocked.Rule != f.Block.Rule {
				t.Fatalf("status %d, %+v", status, report.Blocked)
			}
			if f.Readable() {
				return
			}
			if report.Change.Advice == "" && report.Change.Answer == nil {
				t.Error("it says nothing of what to change")
			}
			if strings.HasPrefix(report.Change.Advice, "Let the page write PATCH") {
				args = append(args, "-X", "PATCH")
			}
			if answer := report.Change.Answer; answer != nil {
				args[0] = "http://" + serveBackend(t, answering(answer, report.Blocked.Preflight, f.Credentials)) + "/"
				if out, status, err := runCommandLine(t, append([]string{"check"}, args...)...); status != statusReadable {
					t.Errorf("a server that answers\n%q\n%v\n%s", answer, err, out)
				}
			}
			if caddyfile := report.Change.Caddyfile; caddyfile != "" {
				args[0] = runCaddy(t, "http://$A {\n"+caddyfile+"\nrespond hello\n}").URL("/")
				if out, status, err := runCommandLine(t, append([]string{"check"}, args...)...); status != statusReadable {
					t.Errorf("under\n%s\n%v\n%s", caddyfile, err, out)
				}
			}
		})
	}
}

// answering is a server that answers preflights, or all other requests, with these lines,
// and grants the rest.
func answering(lines []string, toPreflight, credentials bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		preflight := r.Method == http.MethodOptions
		if preflight == toPreflight {
			for _, line := range lines {
				if name, value, ok := strings.Cut(line, ": "); ok {
					h.Add(name, value)
				}
			}
		} else {
			h.Set(headerAllowOrigin, r.Header.Get(headerOrigin))
			h.Set(headerAllowMethods, r.Header.Get(headerRequestMethod))
			h.Set(headerAllowHeaders, r.Header.Get(headerRequestHeaders))
			if credentials {
				h.Set(headerAllowCredentials, "true")
			}
		}
		if preflight {
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// TestCheckSuggestions shows which Caddyfile is suggested.
func TestCheckSuggestions(t *testing.T) {
	site := runCaddy(t, "http://$A {\ncors https://other.example {\nallow_methods GET\n}\ncors /own/* https://app.example.com http://app.example.com {\nallow_methods PUT\nallow_headers X-One\n}\nrespond hi\n}")
	for _, test := range []struct{ args, want string }{
		{"/ --origin https://app.example.com", "cors https://app.example.com"},
		{"/ --origin https://app.example.com -X PUT -H X-One:1", "cors https://app.example.com"},
		{"/ --origin https://app.example.com -X PURGE", "cors https://app.example.com {\n\tallow_methods GET HEAD POST PUT PATCH DELETE PURGE\n}"},
		{"/own/ --origin https://app.example.com -X DELETE", "cors https://app.example.com {\n\tallow_methods PUT DELETE\n}"},
		{"/own/ --origin https://app.example.com -H X-Two:2 -H x-one:1", "cors https://app.example.com {\n\tallow_headers X-One x-two\n}"},
		{"/own/ --origin https://app.example.com --credentials", "cors https://app.example.com {\n\tallow_credentials\n}"},
		{"/own/ --origin http://app.example.com --credentials", "cors http://app.example.com {\n\tallow_credentials\n\tdangerously_allow insecure_origins\n}"},
		{"/ --origin null", "cors *"},
		{"/ --origin null --credentials", ""},
		{"/own/ --origin https://app.example.com -X patch", ""},
		{"/own/ --origin https://app.example.com -X TRACE", ""},
	} {
		args := strings.Fields(test.args)
		args[0] = site.URL(args[0])
		report, status := checkJSON(t, args...)
		if status != statusBlocked || report.Change.Caddyfile != test.want {
			t.Errorf("%s: status %d, suggested\n%s\nwant\n%s", test.args, status, report.Change.Caddyfile, test.want)
		}
		if risky := strings.Contains(test.want, "dangerously_allow"); risky != strings.Contains(strings.Join(report.Warnings, "\n"), "With dangerously_allow ") {
			t.Errorf("%s: warnings %q", test.args, report.Warnings)
		}
	}
}

// TestCheckVerdicts shows the verdicts and the exit statuses.
func TestCheckVerdicts(t *testing.T) {
	var sent []string
	backend := serveBackend(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Method+" "+r.Header.Get("Cookie"))
	}))
	site := runCaddy(t, "http://$A {\ncors https://app.example.com {\nallow_credentials\n}\nreverse_proxy "+backend+"\n}")
	closed := corstest.FreeAddress(t)
	for _, test := range []struct {
		args    string
		verdict string
		status  int
		sent    string
	}{
		{"http://$A/ --origin https://app.example.com", checkReadable, 0, "GET "},
		{"http://$A/ --origin https://app.example.com --credentials -H Cookie:a=b", checkReadable, 0, "GET a=b"},
		{"http://$A/ --origin https://app.example.com -H Cookie:a=b", checkReadable, 0, "GET "},
		{"http://$A/ --origin https://evil.example", checkBlocked, 2, "GET "},
		{"http://$A/ --origin http://$A", checkReadable, 0, "GET "},
		{"http://$A/ --origin https://app.example.com -X head", checkReadable, 0, "HEAD "},
		{"http://$A/ --origin https://app.example.com -X PUT", checkSendable, 0, ""},
		{"http://$A/ --origin https://app.example.com -X PUT --send", checkReadable, 0, "PUT "},
		{"http://$A/ --origin https://evil.example -X PUT --send", checkBlocked, 2, ""},
		{"http://$A/ --origin https://app.example.com -X POST", checkNotSent, 1, ""},
		{"http://$A/ --origin https://app.example.com -X POST --send", checkReadable, 0, "POST "},
		{"http://$A/ --origin https://app.example.com -X POST --upload", checkSendable, 0, ""},
		{"http://$A/ --origin https://app.example.com -X POST -H Content-Type:application/json", checkSendable, 0, ""},
		{"http://" + closed + "/ --origin https://app.example.com", checkNoAnswer, 1, ""},
	} {
		sent = nil
		report, status := checkJSON(t, strings.Fields(strings.ReplaceAll(test.args, "$A", site.Address))...)
		if test.verdict == checkBlocked && strings.Contains(test.args, "PUT") && report.Change.Advice != "The server has this module, and no policy of it allows this origin. If you trust it, add it to the cors that answers here." {
			t.Errorf("%s: %+v", test.args, report.Change)
		}
		if report.Verdict != test.verdict || status != test.status || strings.Join(sent, ", ") != test.sent {
			t.Errorf("%s: %s, status %d, sent %q", test.args, report.Verdict, status, sent)
		}
	}
}

func TestCheckUsage(t *testing.T) {
	const url, origin = "https://api.example.com/", "--origin=https://app.example.com"
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{origin}, "accepts 1 arg(s), received 0"},
		{[]string{url, url, origin}, "accepts 1 arg(s), received 2"},
		{[]string{url}, `required flag(s) "origin" not set`},
		{[]string{url, "--origin=https://app.example.com/"}, `--origin "https://app.example.com/": an origin has no trailing slash; write "https://app.example.com"`},
		{[]string{url, "--origin=https://APP.example.com"}, `--origin "https://APP.example.com": browsers send it in another form; write "https://app.example.com"`},
		{[]string{url, "--origin=https://*.example.com"}, `--origin "https://*.example.com": a page has one origin, and this is a pattern; write it like "https://app.example.com"`},
		{[]string{url, "--origin=app.example.com"}, `--origin "app.example.com": an origin starts with a scheme; write "https://app.example.com"`},
		{[]string{"api.example.com/x", origin}, `the URL "api.example.com/x": a URL starts with a scheme; write "https://api.example.com/x"`},
		{[]string{"ftp://api.example.com/x", origin}, `the URL "ftp://api.example.com/x": it is neither http:// nor https://`},
		{[]string{"wss://api.example.com/x", origin}, `the URL "wss://api.example.com/x": browsers do not apply CORS to WebSockets; a server has to look at Origin itself, as cors does with enforce`},
		{[]string{"https://", origin}, `the URL "https://": it has no host; write it like "https://api.example.com/items"`},
		{[]string{"https://a@b/", origin}, `the URL "https://a@b/": browsers let no page request a URL with a user name; take it out`},
		{[]string{"https://a b/", origin}, `the URL "https://a b/": invalid character " " in host name`},
		{[]string{"https://api.example.com:99999/", origin}, `the URL "https://api.example.com:99999/": "api.example.com:99999" is not the name of a host, with a port if it has one`},
		{[]string{url, origin, "--resolve", "api.example.com:http:127.0.0.1"}, `--resolve "api.example.com:http:127.0.0.1": write it like api.example.com:443:127.0.0.1`},
		{[]string{url, origin, "--resolve", "*:443:127.0.0.1"}, `--resolve "*:443:127.0.0.1": write it like api.example.com:443:127.0.0.1`},
		{[]string{url, origin, "-X", "a b"}, `--method "a b": this is not a method name`},
		{[]string{url, origin, "-H", "X One: 1"}, `--header "X One: 1": this is not the name of a header; write it like "X-Token" or "X-Token: value"`},
		{[]string{url, origin, "-H", "X-One: a\nb"}, "the value of X-One has a line break or a NUL"},
		{[]string{url, origin, "--resolve", "api.example.com:443"}, `--resolve "api.example.com:443": write it like api.example.com:443:127.0.0.1`},
		{[]string{url, origin, "--resolve", "api.example.com:443:localhost"}, `--resolve "api.example.com:443:localhost": write it like api.example.com:443:127.0.0.1`},
		{[]string{url, origin, "--nonsense"}, "unknown flag: --nonsense"},
	} {
		_, status, err := runCommandLine(t, append([]string{"check"}, test.args...)...)
		if status != statusFailed || err == nil || err.Error() != test.want {
			t.Errorf("%q: status %d, %v\nwant %s", test.args, status, err, test.want)
		}
	}
}

// TestCheckHTTPSRedirect shows what becomes of a page that calls http:// where Caddy
// redirects to https:// by itself.
func TestCheckHTTPSRedirect(t *testing.T) {
	plain, secure := newClient(t), newClient(t)
	port := func(c *client) string {
		_, port, err := net.SplitHostPort(c.Address)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	prelude := strings.Replace(prelude, "auto_https off", "auto_https disable_certs\nhttp_port "+port(plain)+"\nhttps_port "+port(secure), 1)
	cert, key := corstest.Certificate(t)
	loadCaddy(t, adapt(t, prelude+"https://api.example.com {\ntls "+cert+" "+key+"\ncors http://app.example.com https://app.example.com\nrespond hi\n}"))
	resolve := []string{"--insecure", "--resolve", "api.example.com:" + port(plain) + ":127.0.0.1", "--resolve", "api.example.com:" + port(secure) + ":127.0.0.1"}
	for _, test := range []struct {
		url, args string
		status    int
		rule      string
	}{
		{"https://api.example.com:" + port(secure) + "/", "--origin https://app.example.com", 0, ""},
		{"http://api.example.com:" + port(plain) + "/", "--origin http://app.example.com", 2, "allow-origin-missing"},
		{"http://api.example.com:" + port(plain) + "/", "--origin http://app.example.com -X PUT", 2, "preflight-redirect"},
		{"http://api.example.com:" + port(plain) + "/", "--origin https://app.example.com", 2, "allow-origin-missing"},
		{"http://api.example/", "--origin https://app.example.com", 2, "mixed-content"},
	} {
		args := append([]string{test.url}, strings.Fields(test.args)...)
		report, status := checkJSON(t, append(args, resolve...)...)
		rule := ""
		if report.Blocked != nil {
			rule = string(report.Blocked.Rule)
		}
		if status != test.status || rule != test.rule {
			t.Errorf("%s %s: status %d, %q, %s", test.url, test.args, status, rule, report.Error)
		}
		if test.status == statusBlocked && (report.Change.Caddyfile != "" || !strings.HasPrefix(report.Change.Advice, "Let the page call ")) {
			t.Errorf("%s %s: %+v", test.url, test.args, report.Change)
		}
	}
	if _, status, err := runCommandLine(t, append([]string{"check", "https://api.example.com:" + port(secure) + "/", "--origin=https://app.example.com"}, resolve[1:]...)...); status != statusFailed || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("without --insecure: status %d, %v", status, err)
	}
}

// TestCheckTerminal shows that styles are for terminals, and that nothing that a server
// sends commands one.
func TestCheckTerminal(t *testing.T) {
	backend := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Access-Control-Allow-Origin"] = []string{"\u009b31mred" + strings.Repeat("x", 5000)}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("\x1b]0;title\a no\n"))
	}))
	for _, format := range []string{"--json=false", "--json"} {
		out, status, err := runCommandLine(t, "check", "http://"+backend+"/", "--origin=https://app.example.com", format)
		if status != statusBlocked || strings.ContainsAny(out, "\x1b\a\u009b") || !strings.Contains(out, "\uFFFD") {
			t.Errorf("status %d, %v\n%q", status, err, out)
		}
		for line := range strings.Lines(out) {
			if len(line) > 2*maxPrinted {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	}
	var escaped strings.Builder
	if err := writeJSON(&escaped, "a\u009b\u202e\U000e0001é\n"); err != nil || escaped.String() != `"a\u009b\u202e\udb40\udc01é\n"`+"\n" {
		t.Errorf("%s, %v", &escaped, err)
	}
	p := screen{styled: true}
	p.line(2, styleRed, "a\nb")
	if got, want := p.String(), "  \x1b[31ma\x1b[m\n  \x1b[31mb\x1b[m\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newScreen(file).styled || newScreen(new(bytes.Buffer)).styled {
		t.Error("neither is a terminal")
	}
}

// secureSite is a Caddy with sites at https://api.example.com and others, on a port of its
// own.
type secureSite struct{ port string }

// freeSite is one where nothing listens.
func freeSite(t *testing.T) secureSite {
	t.Helper()
	_, port, err := net.SplitHostPort(corstest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return secureSite{port}
}

// runSecure runs the sites of a page, as in "api.example.com {", in front of a backend.
func runSecure(t *testing.T, caddyfile string, backend http.HandlerFunc) secureSite {
	t.Helper()
	s := freeSite(t)
	cert, key := corstest.Certificate(t)
	caddyfile = strings.ReplaceAll(caddyfile, "login.example.com/", "login.example.com:"+s.port+"/")
	for _, name := range []string{"api.example.com", "login.example.com"} {
		caddyfile = strings.ReplaceAll(caddyfile, name+" {", "https://"+name+":"+s.port+" {\ntls "+cert+" "+key)
	}
	runCaddy(t, strings.ReplaceAll(caddyfile, "localhost:9000", serveBackend(t, backend)))
	return s
}

// command runs a command line of a page, as if the sites were at the port that https has.
func (s secureSite) command(t *testing.T, line string) (output string) {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(line, "https://api.example.com/", "https://api.example.com:"+s.port+"/"))
	for _, name := range []string{"api.example.com", "login.example.com"} {
		args = append(args, "--resolve", name+":"+s.port+":127.0.0.1")
	}
	output, _, _ = runCommandLine(t, append(args, "--insecure")...)
	return strings.ReplaceAll(output, ":"+s.port, "")
}

// check is command for `caddy cors check`, whose report it returns as well.
func (s secureSite) check(t *testing.T, line string) (report checkReport, output string) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.command(t, line+" --json")), &report); err != nil {
		t.Fatal(err)
	}
	return report, s.command(t, line)
}

// TestCheckHostileServers shows that no server makes the command wait, or write without
// end.
func TestCheckHostileServers(t *testing.T) {
	ended := make(chan struct{})
	backend := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(headerAllowOrigin, "*")
		flush := func() { _ = http.NewResponseController(w).Flush() }
		switch r.URL.Path {
		case "/events": // a body that never ends
			h.Set(headerContentType, "text/event-stream")
			flush()
			<-r.Context().Done()
			close(ended)
		case "/error": // an error that never ends
			h.Set(headerContentType, "text/plain")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "first line\nsecond")
			flush()
			<-r.Context().Done()
		case "/lines":
			for i := range 5000 {
				h.Add(headerAllowOrigin, strings.Repeat("x", 20)+strconv.Itoa(i))
			}
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	}))
	for path, want := range map[string]int{"/events": 0, "/error": 0, "/lines": 2, "/loop": 2} {
		start := time.Now()
		out, status, err := runCommandLine(t, "check", "http://"+backend+path, "--origin=http://app.example.com")
		if status != want || len(out) > 16<<10 {
			t.Errorf("%s: status %d, %v, %d bytes\n%.2000s", path, status, err, len(out), out)
		}
		if took := time.Since(start); took > answerTimeout/2 {
			t.Errorf("%s took %v", path, took)
		}
		if path == "/error" && !strings.Contains(out, "< first line\n") {
			t.Errorf("%s: %s", path, out)
		}
	}
	<-ended // the command hung up
}
