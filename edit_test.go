package caddycors

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// storageCaddyfile is a Caddyfile of a site that takes origins from the list "tenants".
func storageCaddyfile(root, admin, site, option string) string {
	return fmt.Sprintf(`{
	admin %s
	auto_https off
	persist_config off
	storage file_system %s
	log {
		level ERROR
	}
}
http://%s {
	cors {
		allow_origins_from storage tenants {
			interval 1s
		}
		%s
	}
	respond hi
}
`, admin, root, site, option)
}

// listURL is where the admin API has an origin of the list "tenants".
func listURL(origin string) string { return "/cors/origins/tenants/" + url.PathEscape(origin) }

// TestEditsByAdminAPI edits a list of a running Caddy.
func TestEditsByAdminAPI(t *testing.T) {
	root, admin, site := t.TempDir(), newClient(t), newClient(t)
	loadCaddy(t, adapt(t, storageCaddyfile(root, admin.Address, site.Address, "allow_credentials")))
	const a, b = "https://a.example", "https://b.example"
	for i, test := range []struct {
		request string
		status  int
		says    string
	}{
		{"GET /cors/origins/tenants", 200, `{"origins":[]}`},
		{"PUT " + listURL(a), 201, ""},
		{"PUT " + listURL(a), 200, ""},
		{"PUT " + listURL("HTTPS://B.example:443"), 201, ""},
		{"PUT " + listURL("https://*.c.example"), 201, ""},
		{"GET /cors/origins/tenants", 200, `{"origins":["https://a.example","https://b.example","https://*.c.example"]}`},
		{"GET /cors/origins/tenants\nAccept: text/plain", 200, a + "\n" + b + "\nhttps://*.c.example\n"},
		{"DELETE " + listURL("https://*.c.example"), 204, ""},
		{"DELETE " + listURL("https://*.c.example"), 404, `\"https://*.c.example\" is not in the list \"tenants\"`},
		{"PUT " + listURL("https://c.example/"), 400, `an origin has no trailing slash; write \"https://c.example\"`},
		{"PUT " + listURL("http://c.example"), 400, `dangerously_allow insecure_origins`},
		{"PUT " + listURL("https://*.github.io"), 400, `dangerously_allow public_suffixes`},
		{"PUT " + listURL("*"), 400, "stands alone"},
		{"PUT " + listURL("https://c.example #"), 400, ""},
		{"PUT " + listURL("https://c.example\nhttps://evil.example"), 400, ""},
		{"PUT " + listURL("../tenants/https://c.example"), 400, ""},
		{"PUT " + listURL(""), 400, "an origin is not empty"},
		{"PUT /cors/origins/tenants/https:/d.example", 201, ""}, // as clients are sent there from https://
		{"DELETE /cors/origins/tenants/https:/d.example", 204, ""},
		{"PUT /cors/origins/tenants/https:/d.example/a", 400, ""},
		{"PUT /cors/origins/tenants/d.example/a", 400, ""},
		{"PUT /cors/origins/tenants/https://c.example", 307, ""},
		{"PUT " + strings.Replace(listURL(a), "tenants", "others", 1), 404, `the config has no list \"others\" in allow_origins_from storage; there is tenants`},
		{"PUT " + strings.Replace(listURL(a), "tenants", "others%2F..%2Ftenants", 1), 404, "there is tenants"},
		{"PUT " + listURL("../others/https://c.example"), 400, "another path than it seems"},
		{"GET /cors/origins/", 404, "there is tenants"},
		{"GET /cors/origins/..%2F..%2Facme", 404, "there is tenants"},
		{"PUT /cors/origins/tenants", 405, "there is GET"},
		{"POST " + listURL(a), 405, "there is PUT, DELETE"},
		{"GET " + listURL(a), 405, ""},
		{"PUT " + listURL("https://c.example") + "\nOrigin: https://evil.example", 403, ""},
		{"GET /cors/origins/tenants", 200, `{"origins":["https://a.example","https://b.example"]}`},
	} {
		r := admin.Do(test.request)
		if r.StatusCode != test.status || !strings.Contains(r.Text, test.says) {
			t.Errorf("%d: %s\n%s\nwant %d %s", i, test.request, r, test.status, test.says)
		}
		if r.StatusCode == http.StatusMethodNotAllowed && r.Header.Get("Allow") == "" {
			t.Errorf("%s: it does not say what is allowed", test.request)
		}
	}
	cookies := "Allow-Credentials: true"
	site.Do("GET /\nOrigin: "+b).Want(t, 200, "Allow-Origin: "+b, cookies, vary)
	admin.Do("DELETE " + listURL(b))
	site.Do("GET /\nOrigin: "+b).Want(t, 200, vary)
	admin.Do("PUT " + listURL(b))
	site.Do("GET /\nOrigin: "+b).Want(t, 200, "Allow-Origin: "+b, cookies, vary)
}

// TestEditsByCommand runs `caddy cors origins`.
func TestEditsByCommand(t *testing.T) {
	root, admin, site := t.TempDir(), newClient(t), newClient(t)
	caddyfile := storageCaddyfile(root, admin.Address, site.Address, "allow_credentials")
	loadCaddy(t, adapt(t, caddyfile))
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   string
		status int
		out    string
		says   string // the error
	}{
		{"list tenants", 0, "", ""},
		{"add tenants https://a.example https://B.example https://a.example", 0, "https://a.example: added\nhttps://B.example: added\nhttps://a.example: there already\n", ""},
		{"list tenants", 0, "https://a.example\nhttps://b.example\n", ""},
		{"add tenants http://c.example https://c.example", 1, "https://c.example: added\n", `"http://c.example": with allow_credentials, this trusts pages that came without TLS`},
		{"remove tenants https://none.example https://a.example https://b.example", 1, "https://a.example: removed\nhttps://b.example: removed\n", `"https://none.example" is not in the list "tenants"`},
		{"list tenants", 0, "https://c.example\n", ""},
		{"list others", 1, "", `the config has no list "others" in allow_origins_from storage; there is tenants`},
		{"add ../../stop https://a.example", 1, "", `the config has no list "..%2F..%2Fstop"`},
		{"list", 1, "", "accepts 1 arg(s)"},
		{"add tenants", 1, "", "requires at least 2 arg(s)"},
	} {
		for _, flags := range [][]string{{"--address", admin.Address}, {"--config", config, "--adapter", "caddyfile"}} {
			if flags[0] == "--config" && !strings.HasPrefix(test.args, "list") {
				continue
			}
			out, status, err := runCommandLine(t, append(append([]string{"origins"}, strings.Fields(test.args)...), flags...)...)
			if status != test.status || test.status == 0 && out != test.out || !strings.HasPrefix(out, test.out) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: status %d, %v\n%s", test.args, status, err, out)
			}
		}
	}
	_, status, err := runCommandLine(t, "origins", "add", "tenants", "https://a.example", "https://b.example", "--address", newClient(t).Address)
	if status != statusFailed || strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("where nobody is: %v", err)
	}
}

// startCaddy starts a Caddy of its own process with a Caddyfile, and waits until the site
// answers. It returns what ends it.
func startCaddy(t *testing.T, caddyfile string, site *client) (stop func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(file + ".log")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0], "run", "--config", file)
	command.Env = append(os.Environ(), beCaddy+"=1")
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("Caddy printed:\n%s", text)
		}
	})
	t.Cleanup(stop)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := site.Try("GET /"); err == nil {
			return stop
		}
		if time.Now().After(deadline) {
			t.Fatal("the site does not answer")
		}
	}
}

// TestEditsOnTwoServers edits one list on two servers at once, that share a storage. Nothing
// is lost, and within the interval both have all of it.
func TestEditsOnTwoServers(t *testing.T) {
	root := t.TempDir()
	var admins, sites [2]*client
	for i := range sites {
		admins[i], sites[i] = newClient(t), newClient(t)
		startCaddy(t, storageCaddyfile(root, admins[i].Address, sites[i].Address, ""), sites[i])
	}
	const each = 12
	originOf := func(server, i int) string { return fmt.Sprintf("https://t%d-%d.example", server, i) }
	var edits sync.WaitGroup
	for server, admin := range admins {
		edits.Go(func() {
			for i := range each {
				r, err := admin.Try("PUT " + listURL(originOf(server, i)))
				if err != nil || r.StatusCode != http.StatusCreated {
					t.Errorf("%s %v", r, err)
					return
				}
			}
			r, err := admin.Try("DELETE " + listURL(originOf(server, 0)))
			if err != nil || r.StatusCode != http.StatusNoContent {
				t.Errorf("%s %v", r, err)
			}
		})
	}
	edits.Wait()
	list := admins[0].Do("GET /cors/origins/tenants").Text
	if n := strings.Count(list, ".example"); n != 2*(each-1) || list != admins[1].Do("GET /cors/origins/tenants").Text {
		t.Errorf("of %d origins, the list has %d: %s", 2*(each-1), n, list)
	}
	for _, site := range sites {
		for server := range sites {
			for i := range each {
				allowedSoon(t, site, originOf(server, i), i > 0)
			}
		}
	}
	// What is changed on one server counts there at once, and on the other within the
	// interval.
	admins[0].Do("DELETE " + listURL(originOf(1, 1)))
	sites[0].Do("GET /\nOrigin: "+originOf(1, 1)).Want(t, 200, vary)
	allowedSoon(t, sites[1], originOf(1, 1), false)
}

// TestOriginsFromHTTP shows that a reload does not fetch a list again, that a server which
// starts while the list cannot be had has the one of before, and that its log tells no secrets.
func TestOriginsFromHTTP(t *testing.T) {
	var fetches atomic.Int32
	var down atomic.Bool
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		if down.Load() || r.Header.Get("Authorization") != "Bearer s3cret" || r.URL.RawQuery != "token=s3cret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "https://one.example")
	}))
	defer lists.Close()
	t.Setenv("CORS_TEST_TOKEN", "s3cret")
	root, admin, site := t.TempDir(), newClient(t), newClient(t)
	log := filepath.Join(t.TempDir(), "log")
	caddyfile := func(interval, more string) string {
		return fmt.Sprintf(`{
	admin %s
	auto_https off
	persist_config off
	storage file_system %s
	log {
		output file %s
		level DEBUG
	}
}
http://%s {
	cors {
		allow_origins_from http %s/origins?token={env.CORS_TEST_TOKEN} {
			interval %s
			timeout 5s
			headers {
				Authorization "Bearer {env.CORS_TEST_TOKEN}"
			}
		}
		%s
	}
	respond hi
}
`, admin.Address, root, log, site.Address, lists.URL, interval, more)
	}
	stop := startCaddy(t, caddyfile("1h", ""), site)
	site.Do("GET /\nOrigin: https://one.example").Want(t, 200, "Allow-Origin: https://one.example", vary)
	for _, more := range []string{"max_age 5m", "max_age 6m"} {
		r := admin.Do("POST /load\nContent-Type: text/caddyfile\n\n" + caddyfile("1h", more))
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s", r)
		}
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("the list was fetched %d times", n)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if kept, _ := filepath.Glob(filepath.Join(root, "cors", "lists", "*")); len(kept) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the list is not kept")
		}
	}
	stop()

	down.Store(true)
	stop = startCaddy(t, caddyfile("1s", ""), site)
	site.Do("GET /\nOrigin: https://one.example").Want(t, 200, "Allow-Origin: https://one.example", vary)
	site.Do("GET /\nOrigin: https://two.example").Want(t, 200, vary)
	stop()
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "that was kept in the storage is in force") || strings.Contains(string(text), "s3cret") {
		t.Errorf("the log: %v\n%s", err, text)
	}
}
