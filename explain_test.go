package caddycors

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// explainIn runs `caddy cors explain` beside a Caddyfile.
func explainIn(t *testing.T, caddyfile string, args ...string) (out string, status int, err error) {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFile(t, "Caddyfile", caddyfile)
	return runCommandLine(t, append([]string{"explain"}, args...)...)
}

// shellWords splits a command line at spaces, but for those in single quotes.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// consoleCommand begins a command in an example, ahead of what it writes.
const consoleCommand = "$ caddy cors explain "

// TestExplain runs the commands of each file in testdata/explain, which stand below its
// Caddyfile, and holds what they write against what follows. A last line has the exit
// status, if that is not 0.
func TestExplain(t *testing.T) {
	t.Setenv("CORS_ORIGINS", "https://a.example, https://app.example.com")
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			caddyfile, examples, _ := strings.Cut(string(text), dashes+"\n")
			var all strings.Builder
			for _, example := range strings.Split(examples, consoleCommand)[1:] {
				line, _, _ := strings.Cut(example, "\n")
				all.WriteString(consoleCommand + line + "\n")
				out, status, err := explainIn(t, caddyfile, shellWords(line)...)
				all.WriteString(out)
				if err != nil {
					all.WriteString(err.Error() + "\n")
				}
				if status != 0 {
					fmt.Fprintf(&all, "exit status %d\n", status)
				}
			}
			if *update {
				writeFile(t, golden, caddyfile+dashes+"\n"+all.String())
			} else if all.String() != examples {
				t.Errorf("%s: got\n%s\nwant\n%s", file, all.String(), examples)
			}
		})
	}
}

// TestExplainRefuses shows what is no use of the command, and which configs it cannot
// explain, with what the error says of it.
func TestExplainRefuses(t *testing.T) {
	const app, url = "--origin https://app.example.com ", "https://api.example.com/"
	const site = "api.example.com {\n\tcors https://app.example.com\n}\n"
	for _, test := range []struct{ caddyfile, args, want string }{
		{site, url, `required flag(s) "origin" not set`},
		{site, app, "accepts 1 arg(s), received 0"},
		{site, app + "--nonsense " + url, "unknown flag: --nonsense"},
		{site, "--origin https://app.example.com/ " + url, `--origin "https://app.example.com/": an origin has no trailing slash; write "https://app.example.com"`},
		{site, "--origin app.example.com " + url, `--origin "app.example.com": an origin starts with a scheme; write "https://app.example.com"`},
		{site, "--origin https://App.example.com:443 " + url, `--origin "https://App.example.com:443": browsers send it in another form; write "https://app.example.com"`},
		{site, "--origin https://*.example.com " + url, `--origin "https://*.example.com": a page has one origin, and this is a pattern; write it like "https://app.example.com"`},
		{site, "--origin * " + url, `--origin "*": a page has one origin, and this is a pattern; write it like "https://app.example.com"`},
		{site, "--origin 'https://' " + url, `--origin "https://": `},
		{site, "--origin '' " + url, `--origin "": `},
		{site, "--origin 'https://a b' " + url, `--origin "https://a b": `},
		{site, "--origin 'https://a\x1b[2J' " + url, `--origin "https://a\x1b[2J": `},
		{site, app + "api.example.com/items", `the URL "api.example.com/items": a URL starts with a scheme; write "https://api.example.com/items"`},
		{site, app + "//api.example.com/items", `the URL "//api.example.com/items": a URL starts with a scheme; write "https://api.example.com/items"`},
		{site, app + "ftp://api.example.com/", `the URL "ftp://api.example.com/": it is neither http:// nor https://`},
		{site, app + "https://", `the URL "https://": it has no host; write it like "https://api.example.com/items"`},
		{site, app + "https://bob:secret@api.example.com/", `the URL "https://bob:secret@api.example.com/": browsers let no page request a URL with a user name; take it out`},
		{site, app + "https://api.example.com:port/", `the URL "https://api.example.com:port/": invalid port ":port" after host`},
		{site, app + "-X 'A B' " + url, `--method "A B": this is not a method name`},
		{site, app + "-H Cookie " + url, `--header "Cookie": browsers let no page set this header; take it out`},
		{site, app + "-H 'X Token: a' " + url, `--header "X Token: a": this is not the name of a header; write it like "X-Token" or "X-Token: value"`},
		{site, app + "--config nowhere " + url, "reading config from file: open nowhere: no such file or directory"},
		{site, app + "--adapter nginx --config Caddyfile " + url, "unrecognized config adapter: nginx"},
		{"", app + url, "there is no Caddyfile here; name the config with --config"},
		{"api.example.com {\n\tcors app.example.com\n}\n", app + url, `allow_origins "app.example.com": an origin starts with a scheme; write "https://app.example.com", at Caddyfile:2`},
		{"api.example.com {\n\tcors {env.CORS_NONE}\n}\n", app + url, `the placeholder {env.CORS_NONE} is unknown or empty; set it, or take it out`},
		{"&(a) {\n\tinvoke a\n}\napi.example.com {\n\tinvoke a\n}\n", app + url, "apps/http/servers/srv0/named_routes/a/handle/0: routes invoke one another without end"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"match": [{"nothing": {}}]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0: loading matcher modules: module name 'nothing': unknown module: http.matchers.nothing"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "route": []}}}}}`, app + "-c Caddyfile.json " + url, `decoding the http app: json: unknown field "route"`},
		{`{"apps": {"http": {"servers": {"a": {"listen": ["{nothing}"]}}}}}`, app + "-c Caddyfile.json " + url, "server a: unrecognized placeholder {nothing}"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"handle": [{"handler": "cors"}]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0/handle/0: loading module 'cors': provision http.handlers.cors: policies: nothing says which origins are allowed"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"handle": [{"handler": "headers", "response": 1}]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0/handle/0: loading module 'headers'"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"handle": [{"handler": "subroute", "routes": 1}]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0/handle/0: json: cannot unmarshal number"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"handle": [{"handler": "invoke", "name": 1}]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0/handle/0: json: cannot unmarshal number"},
		{`{"apps": {"http": {"servers": {"a": {"listen": [":443"], "routes": [{"handle": [1]}]}}}}}`, app + "-c Caddyfile.json " + url, "apps/http/servers/a/routes/0/handle/0: json: cannot unmarshal number"},
		{`{"apps": 1}`, app + "-c Caddyfile.json " + url, "decoding the config: json: cannot unmarshal number"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Chdir(t.TempDir())
			switch {
			case strings.HasPrefix(test.caddyfile, "{\""):
				writeFile(t, "Caddyfile.json", test.caddyfile)
			case test.caddyfile != "":
				writeFile(t, "Caddyfile", test.caddyfile)
			}
			out, status, err := runCommandLine(t, append([]string{"explain"}, shellWords(test.args)...)...)
			if status != 1 || err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(out, "handler") {
				t.Errorf("status %d, error %v; it wrote\n%s", status, err, out)
			}
		})
	}
}

// TestExplainJSON holds what it writes for programs against docs/explain.md.
func TestExplainJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "caddy.json", `{"apps": {"http": {"servers": {"api": {"listen": [":443"], "routes": [{"match": [{"host": ["api.example.com"]}], "handle": [
		{"handler": "headers", "response": {"set": {"Access-Control-Allow-Origin": ["*"]}}},
		{"@id": "cors", "handler": "cors", "policies": [{"allow_origins": ["https://*.example.com"], "allow_credentials": true, "allow_methods": ["GET"]}]},
		{"handler": "static_response"}
	]}]}}}}}`)
	out, status, err := runCommandLine(t, "explain", "--json", "--config", "caddy.json", "--origin", "https://app.example.com", "--header", "X-Token", "--method", "PUT", "https://api.example.com/items?a=<b>")
	const want = `{
  "method": "PUT",
  "url": "https://api.example.com/items?a=%3Cb%3E",
  "origin": "https://app.example.com",
  "readable": false,
  "requests": [
    {
      "kind": "preflight",
      "method": "OPTIONS",
      "requested_method": "PUT",
      "requested_headers": [
        "x-token"
      ],
      "handler": {
        "path": "apps/http/servers/api/routes/0/handle/1"
      },
      "policy": "policy0",
      "match": {
        "option": "allow_origins",
        "value": "https://*.example.com",
        "line": "apps/http/servers/api/routes/0/handle/1"
      },
      "outcome": "denied",
      "reason": "method_not_allowed",
      "change": "apps/http/servers/api/routes/0/handle/1: add \"PUT\" to allow_methods",
      "passes": false
    },
    {
      "kind": "actual",
      "method": "PUT",
      "handler": {
        "path": "apps/http/servers/api/routes/0/handle/1"
      },
      "policy": "policy0",
      "match": {
        "option": "allow_origins",
        "value": "https://*.example.com",
        "line": "apps/http/servers/api/routes/0/handle/1"
      },
      "credentials": true,
      "outcome": "allowed",
      "answer": "respond (apps/http/servers/api/routes/0/handle/2)",
      "passes": true
    }
  ],
  "warnings": [
    {
      "code": "header_without_effect",
      "text": "what header (apps/http/servers/api/routes/0/handle/0) does to Access-Control-Allow-Origin has no effect here, as cors writes its own"
    }
  ]
}
`
	if out != want || status != 2 || err != nil {
		t.Errorf("status %d, error %v; it wrote\n%s", status, err, out)
	}
}

// TestExplainNamesOneOfManyOrigins shows that the origin that matched is named, even if
// a handler that is loaded would have dropped it from its list.
func TestExplainNamesOneOfManyOrigins(t *testing.T) {
	var caddyfile strings.Builder
	caddyfile.WriteString("http://api.example.com {\n\tcors {\n")
	for i := range 2 * maxNearValues {
		fmt.Fprintf(&caddyfile, "\t\tallow_origins https://tenant%d.example.com\n", i)
	}
	caddyfile.WriteString("\t}\n}\n")
	last := fmt.Sprintf("https://tenant%d.example.com", 2*maxNearValues-1)
	out, status, err := explainIn(t, caddyfile.String(), "--origin", last, "http://api.example.com/")
	if line := fmt.Sprintf("Caddyfile:%d", 2*maxNearValues+2); err != nil || status != 0 || !strings.Contains(out, line) || !strings.Contains(out, last) {
		t.Errorf("status %d, %v, without %s or %s:\n%.2000s", status, err, line, last, out)
	}
}

// TestExplainTouchesNothing shows that a config which would dial, listen, log, and write
// to disk does none of it.
func TestExplainTouchesNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dialled atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			dialled.Add(1)
			_ = conn.Close()
		}
	}()
	defer listener.Close()
	backend := listener.Addr().String()
	dir := t.TempDir()

	out, status, err := explainIn(t, `{
	storage file_system `+dir+`/storage
	local_certs
	log {
		output file `+dir+`/default.log
	}
	log other {
		output net `+backend+`
	}
}
https://api.example.com, http://`+backend+` {
	log {
		output file `+dir+`/access.log
	}
	tls internal
	cors https://app.example.com
	tracing
	forward_auth `+backend+` {
		uri /
	}
	reverse_proxy `+backend+` {
		health_uri /
		health_interval 1ms
		dynamic a `+backend+`
	}
}
`, "--origin", "https://app.example.com", "-X", "PUT", "https://api.example.com/items")
	if status != 0 || err != nil {
		t.Fatalf("status %d, %v\n%s", status, err, out)
	}
	time.Sleep(20 * time.Millisecond) // a health check would come at once
	if n := dialled.Load(); n > 0 {
		t.Errorf("it dialled %d times", n)
	}
	for _, root := range []string{dir, "."} {
		_ = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || path != root && path != "Caddyfile" {
				t.Errorf("it made %s (%v)", path, err)
			}
			return nil
		})
	}
}

// TestExplainLeavesARunningCaddyAlone shows that one in the same process answers and
// logs as before.
func TestExplainLeavesARunningCaddyAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	a := runLog(t, file, "INFO", "cors https://app.example.com", "")
	if _, status, err := explainIn(t, "http://"+a.Address+" {\n\tcors https://evil.example\n}\n", "--origin", "https://evil.example", a.URL("/")); status != 0 || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	a.Do(getOther).Want(t, 200, vary)
	if lines := readLog(t, file); len(lines) != 1 {
		t.Errorf("it logged %q", lines)
	}
}

// TestExplainIsBounded shows that it writes no control characters of a config, and cuts
// short what is long.
func TestExplainIsBounded(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	out, status, err := explainIn(t, "https://api.example.com {\n\tcors {\n\t\tallow_origin_regex \"https://(app|"+long+")\\.example\\.com\"\n\t}\n\trespond \"\x1b[2J"+long+"\"\n}\n",
		"--origin", "https://app.example.com", "-X", strings.Repeat("M", 30), "-H", "X-"+long, "https://api.example.com/"+long)
	if err != nil || status != 2 {
		t.Fatalf("status %d, %v", status, err)
	}
	for line := range strings.Lines(out) {
		if len(line) > 2*maxShownBytes {
			t.Errorf("a line of %d bytes: %.100s...", len(line), line)
		}
	}
	if strings.ContainsRune(out, '\x1b') {
		t.Errorf("a control character in %q", out)
	}
}
