package caddycors

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// codeBlock is a block of code in a page that a comment ahead of it names.
var codeBlock = regexp.MustCompile("(?ms)^<!-- test: ([a-z ]+) -->\n```(?:caddyfile|json)\n(.*?)^```$")

// codeBlocks returns the blocks of a page by name. Each block of Caddyfile and JSON
// has one.
func codeBlocks(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := make(map[string]string)
	for _, match := range codeBlock.FindAllStringSubmatch(string(text), -1) {
		blocks[match[1]] = match[2]
	}
	if n := strings.Count(string(text), "```caddyfile") + strings.Count(string(text), "```json"); n != len(blocks) {
		t.Fatalf("%d blocks of code, of which %d are named", n, len(blocks))
	}
	return blocks
}

// allDriven fails unless a test drives each block of a page.
func allDriven(t *testing.T, blocks map[string]string, driven map[string]bool) {
	t.Helper()
	for name := range blocks {
		if !driven[name] {
			t.Errorf("no test drives the block %q", name)
		}
	}
}

// TestREADME runs every Caddyfile of the README on a real Caddy, and holds what is
// said of it against what it does. In these, the site listens on $A, and its
// backend, which answers as backend says, on $B.
func TestREADME(t *testing.T) {
	t.Setenv("CORS_ORIGINS", "https://app.example.com, https://admin.example.com")
	type row struct {
		request string
		status  int
		body    string
		lines   []string
	}
	const aborted = 0 // no answer
	const hello, put = "respond hello", "OPTIONS /\nOrigin: https://app.example.com\nAccess-Control-Request-Method: PUT"
	at := func(path, request string) string { return strings.Replace(request, "/", path, 1) }
	from := func(origin, request string) string {
		return strings.Replace(request, "https://app.example.com", origin, 1)
	}
	blocks := codeBlocks(t, "README.md")
	driven := map[string]bool{"mistakes": true, "json": true} // by the tests below
	for _, test := range []struct {
		block   string
		edit    []string // what is replaced in it, in pairs
		backend string
		rows    []row
	}{
		{block: "one line", backend: "header Access-Control-Allow-Origin *\n" + hello, rows: []row{
			{get, 200, "hello", []string{allowApp, vary}},
			{getOther, 200, "hello", []string{vary}},
			{put, 204, "", preflightLines(allowApp, vary)},
		}},
		{block: "one line", edit: []string{"$B", "$C"}, rows: []row{{get, 502, "", []string{allowApp, vary}}}},
		{block: "several origins", backend: hello, rows: []row{
			{get, 200, "hello", []string{allowApp, vary}},
			{from("https://a.b.example.org", get), 200, "hello", []string{"Allow-Origin: https://a.b.example.org", vary}},
			{from("http://localhost:5173", get), 200, "hello", []string{"Allow-Origin: http://localhost:5173", vary}},
			{from("https://example.org", get), 200, "hello", []string{vary}},
		}},
		{block: "public part", backend: hello, rows: []row{
			{at("/public/x", getOther), 200, "hello", []string{allowAll}},
			{get, 200, "hello", []string{allowApp, vary}},
			{getOther, 200, "hello", []string{vary}},
		}},
		{block: "cookies", backend: hello, rows: []row{
			{get, 200, "hello", []string{allowApp, "Allow-Credentials: true", "Expose-Headers: X-Total-Count", vary}},
			{put, 204, "", []string{allowApp, "Allow-Credentials: true", "Allow-Methods: GET, PUT, DELETE", "Allow-Headers: Content-Type, X-CSRF-Token", "Expose-Headers: X-Total-Count", "Max-Age: 3600", vary}},
		}},
		{block: "policies", backend: hello, rows: []row{
			{from("https://admin.example.com", get), 200, "hello", []string{"Allow-Origin: https://admin.example.com", "Allow-Credentials: true", vary}},
			{from("https://a.partner.example", put), 204, "", []string{"Allow-Origin: https://a.partner.example", "Allow-Methods: GET", "Allow-Headers: *, Authorization", "Max-Age: 600", vary}},
		}},
		{block: "placeholders", backend: hello, rows: []row{
			{get, 200, "hello", []string{allowApp, vary}},
			{from("https://admin.example.com", get), 200, "hello", []string{"Allow-Origin: https://admin.example.com", vary}},
		}},

		{block: "matcher", backend: hello, rows: []row{
			{from("https://api.example.com", get), 200, "hello", nil},
			{getNoOrigin, 200, "hello", nil},
			{from("https://a.partner.example", get), 200, "hello", nil},
			{getOther, aborted, "", nil},
		}},

		{block: "snippet without a scheme", backend: "error 405", rows: []row{
			{get, 405, "", nil},
			{put, 405, "", nil},
		}},
		{block: "snippet without a scheme", edit: []string{" app.example.com", " https://app.example.com"}, backend: "error 405", rows: []row{
			{get, 405, "", []string{allowApp}},
			{put, 405, "", []string{allowApp}},
			{getOther, 405, "", nil},
		}},
		{block: "snippet with handle", backend: hello, rows: []row{
			{get, 200, "", []string{allowApp}},
			{"POST /\nOrigin: https://app.example.com", 200, "", []string{allowApp}},
			{getNoOrigin, 200, "hello", nil},
			{"OPTIONS /", 204, "", []string{allowApp, "Allow-Methods: GET, POST, PUT, DELETE"}},
		}},
		{block: "snippet with handle", edit: []string{"\thandle {\n", basicAuth + "\nhandle {\n"}, backend: hello, rows: []row{
			{put, 401, "", nil},
			{get, 401, "", nil},
		}},
		{block: "snippet with every origin echoed", backend: hello, rows: []row{
			{getOther, 200, "hello", []string{"Allow-Origin: https://evil.example", "Allow-Credentials: true"}},
			{from("null", get), 200, "hello", []string{"Allow-Origin: null", "Allow-Credentials: true"}},
		}},
		{block: "snippet with a star", backend: "header Access-Control-Allow-Origin *\n" + hello, rows: []row{
			{get, 200, "hello", []string{allowAll, allowAll, "Allow-Methods: GET, POST, PUT, DELETE", "Allow-Headers: *"}},
		}},
		{block: "snippet with a star", edit: []string{"reverse_proxy $B", "root testdata\nfile_server"}, rows: []row{
			{at("/caddyfile/none.caddyfiletest", put), 405, "", []string{allowAll, "Allow-Methods: GET, POST, PUT, DELETE", "Allow-Headers: *", "Vary: Accept-Encoding"}},
		}},
		{block: "snippet with a star", edit: []string{"reverse_proxy $B", basicAuth + "\nrespond hi"}, rows: []row{
			{put, 401, "", []string{allowAll, "Allow-Methods: GET, POST, PUT, DELETE", "Allow-Headers: *"}},
		}},
		{block: "snippet that defers", backend: "header Access-Control-Allow-Origin *\n" + hello, rows: []row{
			{get, 200, "hello", []string{allowApp}},
		}},
		{block: "snippet that defers", edit: []string{"reverse_proxy $B", "reverse_proxy $C"}, rows: []row{{get, 502, "", nil}}},
		{block: "snippet that defers", edit: []string{"reverse_proxy $B", basicAuth + "\nrespond hi"}, rows: []row{{get, 401, "", nil}}},
		{block: "snippet that defers", edit: []string{"reverse_proxy $B", "root testdata\nfile_server"}, rows: []row{{at("/missing", get), 404, "", nil}}},
		{block: "snippet that defers", edit: []string{"-Server", "", "reverse_proxy $B", "reverse_proxy $C"}, rows: []row{{get, 502, "", []string{allowApp}}}},
	} {
		t.Run(test.block, func(t *testing.T) {
			caddyfile, ok := blocks[test.block]
			if !ok {
				t.Fatal("the README has no such block")
			}
			caddyfile = strings.NewReplacer("api.example.com {", "http://$A {", "localhost:9000", "$B").Replace(caddyfile)
			caddyfile = strings.NewReplacer(test.edit...).Replace(caddyfile)
			a := runCaddy(t, caddyfile+"\nhttp://$B {\n"+test.backend+"\n}\n")
			for _, row := range test.rows {
				if row.status == aborted {
					if r, err := a.Try(row.request); err == nil {
						t.Errorf("%s\n\ngot %s\n\nwant no answer", row.request, r)
					}
					continue
				}
				r := a.Do(row.request)
				r.Want(t, row.status, row.lines...)
				if r.Text != row.body {
					t.Errorf("%s\n\ngot %s\n\nwant body %q", row.request, r, row.body)
				}
			}
		})
		driven[test.block] = true
	}
	allDriven(t, blocks, driven)
}

// TestREADMESecondImport shows that the snippet with "handle" cannot be imported
// twice.
func TestREADMESecondImport(t *testing.T) {
	caddyfile := strings.Replace(codeBlocks(t, "README.md")["snippet with handle"], "\timport", "\timport cors https://b.example.com\n\timport", 1)
	if _, err := adaptCaddyfile(caddyfile); err == nil || !strings.Contains(err.Error(), "defined more than once") {
		t.Errorf("got %v", err)
	}
}

// TestREADMEMistakes holds the errors that the README shows against those that come.
func TestREADMEMistakes(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```text\n")
	shown, _, _ = strings.Cut(shown, "\n```")
	_, err = adaptCaddyfile(codeBlocks(t, "README.md")["mistakes"])
	if err == nil || strings.TrimPrefix(err.Error(), "parsing caddyfile tokens for 'cors': ") != shown {
		t.Errorf("got\n%v\nwant\n%s", err, shown)
	}
}

// TestREADMEJSON loads the handler that the README shows.
func TestREADMEJSON(t *testing.T) {
	var config map[string]any
	if err := json.Unmarshal([]byte(codeBlocks(t, "README.md")["json"]), &config); err != nil {
		t.Fatal(err)
	}
	handler, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	site := newClient(t)
	loadRoute(t, site, `{"handle": [`+string(handler)+`]}`)
	site.Do(get).Want(t, 200, allowApp, "Expose-Headers: X-Total-Count", vary)
	site.Do(preflight).Want(t, 204, allowApp, "Allow-Methods: GET, PUT", "Allow-Headers: Authorization, Content-Type", "Expose-Headers: X-Total-Count", "Max-Age: 600", vary)
}
