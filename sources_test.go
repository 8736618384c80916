package caddycors

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// writeList writes a list of origins, and returns its path.
func writeList(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "origins.txt")
	rewriteList(t, path, lines...)
	return path
}

func rewriteList(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fromFile is the option for a file, in a Caddyfile.
func fromFile(path string) string {
	return "allow_origins_from file " + path + " {\ninterval 100ms\n}"
}

// allowedSoon fails unless the site allows the origin, or denies it, within some seconds.
func allowedSoon(t *testing.T, site *client, origin string, allowed bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r := askReloaded(t, site, "GET /\nOrigin: "+origin)
		if granted := r.Header.Get(headerAllowOrigin) == origin; granted == allowed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s\nwant it allowed: %v", r, allowed)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestOriginsFromFile drives a Caddy whose origins are in files.
func TestOriginsFromFile(t *testing.T) {
	first, second := writeList(t, "# tenants", "https://one.example", "https://*.two.example"), writeList(t, "https://three.example")
	a := runCaddy(t, "http://$A {\ncors https://app.example.com {\n"+fromFile(first)+"\n"+fromFile(second)+"\nallow_methods PUT\n}\nrespond hi\n}")
	for _, origin := range []string{"https://app.example.com", "https://one.example", "https://a.two.example", "https://three.example"} {
		a.Do("GET /\nOrigin: "+origin).Want(t, 200, "Allow-Origin: "+origin, vary)
		r := a.Do("OPTIONS /\nOrigin: " + origin + "\nAccess-Control-Request-Method: PUT")
		if r.StatusCode != http.StatusNoContent || r.Header.Get(headerAllowOrigin) != origin || r.Header.Get(headerAllowMethods) != "PUT" {
			t.Errorf("%s", r)
		}
	}
	for _, origin := range []string{"https://two.example", "https://evil.example", "null", "https://one.example/", "HTTPS://one.example"} {
		a.Do("GET /\nOrigin: "+origin).Want(t, 200, vary)
	}
	rewriteList(t, first, "https://four.example")
	allowedSoon(t, a, "https://four.example", true)
	allowedSoon(t, a, "https://one.example", false)
	a.Do("GET /\nOrigin: https://app.example.com").Want(t, 200, "Allow-Origin: https://app.example.com", vary)
}

// TestOriginsFromFileAlone shows that a policy may have no other origins.
func TestOriginsFromFileAlone(t *testing.T) {
	list := writeList(t, "https://one.example")
	a := runCaddy(t, "http://$A {\ncors {\n"+fromFile(list)+"\n}\nrespond hi\n}")
	a.Do("GET /\nOrigin: https://one.example").Want(t, 200, "Allow-Origin: https://one.example", vary)
	a.Do("GET /\nOrigin: https://app.example.com").Want(t, 200, vary)
	a.Do("GET /").Want(t, 200, vary)
}

// TestOriginsFromFileInPolicies shows that the policies are tried in order, with all that
// they have.
func TestOriginsFromFileInPolicies(t *testing.T) {
	both, staff := writeList(t, "https://both.example", "https://one.example"), writeList(t, "https://both.example", "https://staff.example")
	a := runCaddy(t, "http://$A {\ncors {\npolicy tenants {\n"+fromFile(both)+"\n}\npolicy staff {\nallow_origins https://one.example\n"+fromFile(staff)+"\nallow_credentials\n}\n}\nrespond {http.cors.policy}\n}")
	for origin, policy := range map[string]string{
		"https://both.example": "tenants", "https://one.example": "tenants", "https://staff.example": "staff", "https://none.example": "",
	} {
		if r := a.Do("GET /\nOrigin: " + origin); strings.TrimSpace(r.Text) != policy {
			t.Errorf("%s\nwant policy %q", r, policy)
		}
	}
}

// TestOriginsFromFileByJSON shows the same config as JSON.
func TestOriginsFromFileByJSON(t *testing.T) {
	list := writeList(t, "https://one.example")
	a := newClient(t)
	loadRoute(t, a, `{"handle":[{"handler":"cors","policies":[{"allow_origins_from":[{"source":"file","path":"`+list+`"}]}]}]}`)
	a.Do("GET /\nOrigin: https://one.example").Want(t, 200, "Allow-Origin: https://one.example", vary)
}

// TestBadSources shows what does not load, and what the error says.
func TestBadSources(t *testing.T) {
	good := writeList(t, "https://one.example")
	bad := writeList(t, "https://one.example", "https://two.example/path", "http://three.example")
	for name, test := range map[string]struct{ caddyfile, want string }{
		"no kind":                   {"allow_origins_from", "it takes the kind of a source; there is ask, "},
		"no such kind":              {"allow_origins_from consul tenants {\nx y\n}", `allow_origins_from "consul": there is no such source in this Caddy; there is ask, `},
		"no path":                   {"allow_origins_from file", "it takes the path"},
		"no such option":            {"allow_origins_from file " + good + " {\nttl 5s\n}", `there is no option "ttl"`},
		"every origin beside it":    {"allow_origins *\nallow_origins_from file " + good, `"*" stands alone`},
		"no origin beside it":       {"allow_origins none\nallow_origins_from file " + good, `"none" stands alone`},
		"a bad line":                {fromFile(bad), `line 2: "https://two.example/path": an origin has no path; write "https://two.example"`},
		"a risk, with credentials":  {fromFile(bad) + "\nallow_credentials", "line 3: "},
		"a short interval":          {"allow_origins_from file " + good + " {\ninterval 1ms\n}", "the shortest is 100ms"},
		"no file":                   {"allow_origins_from file " + good + ".none", "no such file"},
		"several mistakes, at once": {"allow_origins_from file\nallow_origins_from nothing\nallow_methods all", "this is not a method name"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adaptCaddyfile("http://localhost:1 {\ncors {\n" + test.caddyfile + "\n}\n}")
			if err == nil {
				err = caddy.Load(config, true)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
}

// TestSourceErrorsComeWithOthers shows that what sources fail with is told along with all that
// is wrong with the handler, but for policies that take a risk which there is not: what their
// lines need is not known.
func TestSourceErrorsComeWithOthers(t *testing.T) {
	good, insecure := writeList(t, "https://one.example"), writeList(t, "http://two.example")
	from := func(paths ...string) string {
		var sources []string
		for _, path := range paths {
			sources = append(sources, fmt.Sprintf(`{"source": "file", "path": %q}`, path))
		}
		return `"allow_origins_from": [` + strings.Join(sources, ", ") + `]`
	}
	_, _, err := loadHandler(t, `{"preflight_status": 100, "policies": [null, {"name": "a", "max_age": 5, `+from(good, good+".none", insecure)+`, "allow_credentials": true},
		{"name": "b", "dangerously_allow": ["insecure"], "allow_credentials": true, `+from(insecure)+`}, {"name": "c", `+from(good+".missing")+`}, {"name": "d", "allow_origins_from": [null]}]}`)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	want := []string{
		"preflight_status", `policy policy0: policies "null"`, `policy a: max_age "5"`, `policy b: dangerously_allow "insecure"`,
		"policy a: allow_origins_from file: ", "policy a: allow_origins_from file: ", "policy c: allow_origins_from file: ", "policy d: allow_origins_from: position 0",
	}
	got := joined.Unwrap()
	for i, err := range got {
		if i >= len(want) || !strings.HasPrefix(err.Error(), want[i]) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d errors, want %d", len(got), len(want))
	}
}

// TestSourceMetrics shows the metrics of a list.
func TestSourceMetrics(t *testing.T) {
	const policy = "sourced"
	list := writeList(t, "https://one.example", "https://two.example")
	a, metrics := newClient(t), newClient(t)
	loadCaddy(t, adapt(t, prelude+"http://"+a.Address+" {\ncors {\npolicy "+policy+" {\n"+fromFile(list)+"\n"+fromFile(list)+"\n}\n}\nrespond hi\n}\nhttp://"+metrics.Address+" {\nmetrics\n}"))
	of := func(name, source string) string {
		return fmt.Sprintf("source_%s{policy=%q,source=%q}", name, policy, source)
	}
	count := func(source, result string) string {
		return fmt.Sprintf("source_refreshes_total{policy=%q,result=%q,source=%q}", policy, result, source)
	}
	values := scrape(t, metrics)
	for name, want := range map[string]float64{of("origins", "file"): 2, of("origins", "file2"): 2, count("file", "taken"): 1, count("file", "failed"): 0} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if age, ok := values[of("age_seconds", "file")]; !ok || age < 0 || age > 60 {
		t.Errorf("its age is %v", age)
	}
	rewriteList(t, list, "https://two.example", "nonsense")
	deadline := time.Now().Add(10 * time.Second)
	for values = scrape(t, metrics); values[count("file", "failed")] == 0; values = scrape(t, metrics) {
		if time.Now().After(deadline) {
			t.Fatalf("no failure is counted: %v", ofPolicy(values, policy))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if values[of("origins", "file")] != 2 {
		t.Errorf("the last good list is not in force: %v", ofPolicy(values, policy))
	}
}

// TestSharedListsCountOnce shows that a list counts once, however many handlers have a policy
// of one name with it, and that another list of theirs counts too.
func TestSharedListsCountOnce(t *testing.T) {
	const policy = "sharing"
	shared, other := writeList(t, "https://one.example", "https://two.example"), writeList(t, "https://three.example")
	c, metrics := newCertificateLab(t), newClient(t)
	site := func(list string) string {
		return "http://" + newClient(t).Address + " {\ncors {\npolicy " + policy + " {\n" + fromFile(list) + "\n" + fromCertificates + "\n}\n}\n}\n"
	}
	c.run(t, "", "allow_origins https://app.example.com", site(shared)+site(shared)+site(other)+sitesOf("a.example")+"http://"+metrics.Address+" {\nmetrics\n}")
	values := ofPolicy(scrape(t, metrics), policy)
	for name, want := range map[string]float64{
		`source_origins{policy="sharing",source="file"}`:                         3,
		`source_refreshes_total{policy="sharing",result="taken",source="file"}`:  2,
		`source_refreshes_total{policy="sharing",result="failed",source="file"}`: 0,
		`source_origins{policy="sharing",source="certificates"}`:                 1,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestReloadKeepsLists shows that a reload reads no file anew that did not change, and
// that a config that fails to load leaves the list in force.
func TestReloadKeepsLists(t *testing.T) {
	list := writeList(t, "https://one.example")
	a := newClient(t)
	load := func(more string) error {
		return caddy.Load(adapt(t, prelude+"http://"+a.Address+" {\ncors {\n"+fromFile(list)+"\n"+more+"\n}\nrespond hi\n}"), true)
	}
	if err := load(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	for range 3 {
		if err := load("max_age 5m"); err != nil {
			t.Fatal(err)
		}
		if err := load(fromFile(list + ".none")); err == nil {
			t.Fatal("a list that is not there loads")
		}
		allowedSoon(t, a, "https://one.example", true)
	}
	rewriteList(t, list, "https://two.example")
	allowedSoon(t, a, "https://two.example", true)
}

// TestExplainNamesSources shows that `explain` says which source allows an origin.
func TestExplainNamesSources(t *testing.T) {
	first, second := writeList(t, "https://one.example"), writeList(t, "https://two.example")
	caddyfile := "http://api.example.com {\n\tcors https://app.example.com {\n\t\tallow_origins_from file " + first + "\n\t\tallow_origins_from file " + second + " {\n\t\t\tinterval 1m\n\t\t}\n\t}\n\trespond hi\n}\n"
	for origin, want := range map[string]string{
		"https://app.example.com": `origin    matches "https://app.example.com" (Caddyfile:2)`,
		"https://one.example":     `origin    matches allow_origins_from "file ` + first + `" (Caddyfile:3)`,
		"https://two.example":     `origin    matches allow_origins_from "file ` + second + `" (Caddyfile:4)`,
		"https://none.example":    "origin    matches no policy",
	} {
		out, status, err := explainIn(t, caddyfile, "--origin", origin, "http://api.example.com/")
		if err != nil || !strings.Contains(out, want) || (status == 0) != (origin != "https://none.example") {
			t.Errorf("%s: status %d, %v\n%s\nwant %s", origin, status, err, out, want)
		}
	}
}

// driveTenants drives the example, with a list of its own.
func driveTenants(t *testing.T, caddyfile string) {
	const example = "examples/tenants/origins.txt"
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	list := writeList(t, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	api, admin := newClient(t), newClient(t)
	for _, part := range []string{"localhost:8000 {", " " + example + " {", "interval 1s"} {
		if !strings.Contains(caddyfile, part) {
			t.Fatalf("there is no %q", part)
		}
	}
	caddyfile = strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin.Address+"\n\t# Listen",
		"localhost:8000 {", api.Address+" {", " "+example+" {", " "+list+" {", "interval 1s", "interval 100ms").Replace(caddyfile)
	loadCaddy(t, adapt(t, caddyfile))
	for _, origin := range []string{"https://app.example.com", "https://shop.example.org", "https://a.example.net"} {
		allowedSoon(t, api, origin, true)
	}
	allowedSoon(t, api, "https://other.example.org", false)
	rewriteList(t, list, "https://other.example.org")
	allowedSoon(t, api, "https://other.example.org", true)
	allowedSoon(t, api, "https://shop.example.org", false)
}

// TestSourcesPage loads the Caddyfile of docs/sources.md, and the JSON that stands for it, with a
// file that is there.
func TestSourcesPage(t *testing.T) {
	page, err := os.ReadFile("docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	list := writeList(t, "https://shop.example.org")
	text := strings.ReplaceAll(string(page), "/etc/caddy/origins.txt", list)
	driven := 0
	for _, block := range strings.Split(text, "\n```")[1:] {
		switch language, code, _ := strings.Cut(block, "\n"); language {
		case "caddyfile":
			driven++
			a := newClient(t)
			loadCaddy(t, adapt(t, prelude+strings.Replace(code, "api.example.com {", "http://"+a.Address+" {", 1)))
			r := a.Do("OPTIONS /\nOrigin: https://shop.example.org\nAccess-Control-Request-Method: PUT")
			if r.Header.Get(headerAllowOrigin) != "https://shop.example.org" {
				t.Errorf("%s\nof\n%s", r, code)
			}
		case "json":
			driven++
			a := newClient(t)
			loadRoute(t, a, `{"handle":[`+code+`]}`)
			a.Do("GET /\nOrigin: https://shop.example.org").Want(t, 200, "Allow-Origin: https://shop.example.org", vary)
		}
	}
	if driven < 2 {
		t.Errorf("%d blocks of the page were driven", driven)
	}
}

// TestExplainAsksNothing shows that `explain` sends nothing unless it is told to, and says
// so; and that it says what only a running Caddy knows.
func TestExplainAsksNothing(t *testing.T) {
	var asked atomic.Int64
	endpoint := serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "https://one.example\n")
	}))
	for source, text := range map[string]string{
		"http http://" + endpoint + "/list?token=s3cret":   "http http://" + endpoint + "/list",
		"ask http://u:s3cret@" + endpoint + "/?key=s3cret": "ask http://" + endpoint + "/",
	} {
		caddyfile := "http://api.example.com {\n\tcors {\n\t\tpolicy first {\n\t\t\tallow_origins_from " + source + "\n\t\t}\n\t\tpolicy second {\n\t\t\tallow_origins https://two.example\n\t\t}\n\t}\n\trespond hi\n}\n"
		note := `note      allow_origins_from "` + text + `" (Caddyfile:4) may allow the origin: it was not asked; with --sources, it is`
		for _, origin := range []string{"https://one.example", "https://two.example"} {
			out, _, err := explainIn(t, caddyfile, "--origin", origin, "http://api.example.com/")
			if err != nil || !strings.Contains(out, note) || strings.Contains(out, "s3cret") || asked.Load() != 0 {
				t.Errorf("%s: it was asked %d times, %v\n%s\nwant %s", origin, asked.Swap(0), err, out, note)
			}
		}
		out, status, err := explainIn(t, caddyfile, "--sources", "--origin", "https://one.example", "http://api.example.com/")
		if want := `matches allow_origins_from "` + text + `" (Caddyfile:4)`; err != nil || status != 0 || !strings.Contains(out, want) || asked.Swap(0) == 0 {
			t.Errorf("%v, status %d\n%s\nwant %s", err, status, out, want)
		}
	}
	out, _, err := explainIn(t, "http://api.example.com {\n\tcors {\n\t\tallow_origins_from certificates\n\t}\n}\n", "--sources", "--origin", "https://one.example", "http://api.example.com/")
	if want := `allow_origins_from "certificates" (Caddyfile:3) may allow the origin: only a Caddy that runs knows` + "\n"; err != nil || !strings.Contains(out, want) {
		t.Errorf("%v\n%s\nwant %s", err, out, want)
	}
}

// TestExplainGoesOnWithoutSourcesThatFail shows that `explain` says why a source fails, where, and
// what the others allow, and that the config does not load, by its exit status.
func TestExplainGoesOnWithoutSourcesThatFail(t *testing.T) {
	asked := 0
	endpoint := "http://" + serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/nonsense":
			asked++
			_, _ = io.WriteString(w, "nonsense\nhttps://one.example/x\n")
		case "/list":
			_, _ = io.WriteString(w, "https://two.example\n")
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	list := writeList(t, "https://one.example")
	for name, test := range map[string]struct{ source, note string }{
		"no file":       {"file " + list + ".none", `allow_origins_from "file ` + list + `.none" (Caddyfile:4) fails, so Caddy would not load this config: ` + list + `.none: stat `},
		"bad lines":     {"http " + endpoint + "/nonsense?key=s3cret", `allow_origins_from "http ` + endpoint + `/nonsense" (Caddyfile:4) fails, so Caddy would not load this config: url ` + endpoint + `/nonsense: line 1: "nonsense": an origin starts with a scheme`},
		"server fails":  {"http " + endpoint + "/fails?key=s3cret", `allow_origins_from "http ` + endpoint + `/fails" (Caddyfile:4) fails, so Caddy would not load this config: url ` + endpoint + `/fails: `},
		"malformed key": {"storage TENANTS", `allow_origins_from "storage TENANTS" (Caddyfile:4) fails, so Caddy would not load this config: key "TENANTS": a key has`},
	} {
		t.Run(name, func(t *testing.T) {
			caddyfile := "http://api.example.com {\n\tcors {\n\t\tallow_origins https://app.example.com\n\t\tallow_origins_from " + test.source + "\n\t\tallow_origins_from http " + endpoint + "/list\n\t}\n\trespond hi\n}\n"
			for origin, want := range map[string]string{
				"https://app.example.com": `origin    matches "https://app.example.com" (Caddyfile:3)`,
				"https://two.example":     `origin    matches allow_origins_from "http ` + endpoint + `/list" (Caddyfile:5)`,
				"https://none.example":    "origin    matches no policy",
			} {
				out, status, err := explainIn(t, caddyfile, "--sources", "--method", "PUT", "--origin", origin, "http://api.example.com/")
				if err == nil || !strings.Contains(err.Error(), "a source of origins fails") || status != statusFailed {
					t.Errorf("%s: status %d, %v", origin, status, err)
				}
				if strings.Count(out, want) != 2 || strings.Count(out, "note      "+test.note) != 2 || strings.Contains(out, "s3cret") {
					t.Errorf("%s:\n%s\nwant twice %s\nand %s", origin, out, want, test.note)
				}
			}
		})
	}
	if asked != 3 {
		t.Errorf("the list was asked for %d times in 3 explanations", asked)
	}
}

// TestExplainTellsThatAnEndpointFails shows it of an endpoint that is asked, as this denies, and
// would load.
func TestExplainTellsThatAnEndpointFails(t *testing.T) {
	endpoint := "http://" + serveBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("origin") == "https://one.example" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	caddyfile := "http://api.example.com {\n\tcors {\n\t\tallow_origins_from ask " + endpoint + "/\n\t}\n\trespond hi\n}\n"
	note := `note      allow_origins_from "ask ` + endpoint + `/" (Caddyfile:3) may allow the origin: its endpoint failed, which the log has`
	for origin, fails := range map[string]bool{"https://one.example": true, "https://two.example": false} {
		out, status, err := explainIn(t, caddyfile, "--sources", "--origin", origin, "http://api.example.com/")
		if err != nil || (status == statusBlocked) != fails || strings.Contains(out, note) != fails {
			t.Errorf("%s: status %d, %v\n%s", origin, status, err, out)
		}
	}
}

// TestExplainAsksTheStorage shows that with --sources, it is the storage of the config that
// is looked into.
func TestExplainAsksTheStorage(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "cors", "origins"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "cors", "origins", "tenants"), []byte("https://one.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	caddyfile := "{\n\tstorage file_system " + root + "\n}\nhttp://api.example.com {\n\tcors {\n\t\tallow_origins_from storage tenants\n\t}\n\trespond hi\n}\n"
	out, status, err := explainIn(t, caddyfile, "--sources", "--origin", "https://one.example", "http://api.example.com/")
	if err != nil || status != 0 || !strings.Contains(out, `matches allow_origins_from "storage tenants" (Caddyfile:6)`) {
		t.Errorf("status %d, %v\n%s", status, err, out)
	}
}
