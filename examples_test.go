package caddycors

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs the Caddyfile of every example on a real Caddy, with its ports
// replaced by free ones, and drives it.
func TestExamples(t *testing.T) {
	drivers := map[string]func(t *testing.T, caddyfile string){
		"monitoring":      driveMonitoring,
		"playground":      drivePlayground,
		"quickstart":      driveQuickstart,
		"tenants":         driveTenants,
		"third-party-api": driveThirdPartyAPI,
	}
	files, err := filepath.Glob("examples/*/Caddyfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if name == "cors-proxy" {
			continue // TestExample of package corsproxy drives it, which is not linked here
		}
		t.Run(name, func(t *testing.T) {
			caddyfile, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			drive, ok := drivers[name]
			if !ok {
				t.Fatal("no test drives this example")
			}
			drive(t, string(caddyfile))
		})
	}
}

func driveQuickstart(t *testing.T, caddyfile string) {
	page, api, admin := newClient(t), newClient(t), newClient(t)
	for _, port := range []string{"http://localhost:3000", "http://localhost:8000"} {
		if !strings.Contains(caddyfile, port+" {") {
			t.Fatalf("no site at %s", port)
		}
	}
	caddyfile = strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin.Address+"\n\t# Listen",
		"localhost:3000", page.Address, "localhost:8000", api.Address).Replace(caddyfile)
	loadCaddy(t, adapt(t, caddyfile))

	r := page.Do("GET /")
	r.Want(t, 200, "Vary: Accept-Encoding")
	for _, id := range []string{`id="get"`, `id="put"`, `id="private"`, "http://localhost:8000/api"} {
		if !strings.Contains(r.Text, id) {
			t.Errorf("the page has no %s", id)
		}
	}

	origin := "\nOrigin: http://" + page.Address
	allowPage := "Allow-Origin: http://" + page.Address
	preflight := " /api" + origin + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: content-type"
	api.Do("GET /api"+origin).Want(t, 200, allowPage, vary)
	api.Do("OPTIONS"+preflight).Want(t, 204, preflightLines(allowPage, vary)...)
	r = api.Do("PUT /api" + origin)
	r.Want(t, 200, allowPage, vary)
	if !strings.Contains(r.Text, "PUT") || r.Header.Get(headerContentType) != "application/json" {
		t.Errorf("%s", r)
	}
	api.Do("GET /private"+origin).Want(t, 200, vary)
	api.Do("GET /private\nOrigin: https://admin.example.com").Want(t, 200, "Allow-Origin: https://admin.example.com", vary)
}

func driveThirdPartyAPI(t *testing.T, caddyfile string) {
	site, api, admin := newClient(t), newClient(t), newClient(t)
	loadCaddy(t, adapt(t, strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin.Address+"\n\t# Listen",
		"localhost:8000", site.Address, "localhost:9000", api.Address).Replace(caddyfile)))
	if r := api.Do("GET /v2/weather/oslo"); r.StatusCode != http.StatusUnauthorized || r.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%s", r)
	}
	const page = "\nOrigin: https://app.example.com"
	r := site.Do("GET /weather/oslo" + page + "\nCookie: a=b")
	r.Want(t, http.StatusOK, "Allow-Origin: https://app.example.com", vary)
	if !strings.Contains(r.Text, "Oslo") || r.Header["Set-Cookie"] != nil || r.Header.Get("Content-Security-Policy") != "sandbox" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s", r)
	}
	site.Do("GET /weather/other"+page).Want(t, http.StatusNotFound, "Allow-Origin: https://app.example.com", vary)
	for _, path := range []string{"/%2e%2e/%2E%2E/admin", "/..%2Fadmin"} {
		site.Do("GET /weather"+path+page).Want(t, http.StatusNotFound, "Allow-Origin: https://app.example.com", vary)
	}
	for _, path := range []string{
		"/x/%2E%2e/oslo", "/x%2Foslo", "/x%2foslo", "/..%5cadmin", "/..%5Cadmin", "/%252e%252e/admin", "/..;/admin", "/..%3b/admin", "/%2e%2e/weather/oslo",
		`/..\..\admin`, "/x%3F", "/x%23", "/x%00", "/%EF%BC%8E%EF%BC%8E/admin", "/%c0%ae%c0%ae/admin", "//admin", "/x//admin", "/Z%C3%BCrich",
	} {
		site.Do("GET /weather"+path+page).Want(t, http.StatusBadRequest, "Allow-Origin: https://app.example.com", vary)
	}
	for _, path := range []string{"/new%20york", "/oslo/", "/", "/a-b_c.d~e/(1)!$&'*+,=:@"} {
		site.Do("GET /weather"+path+page).Want(t, http.StatusNotFound, "Allow-Origin: https://app.example.com", vary)
	}
	site.Do("GET /weather/oslo?at=%2e%2f;//"+page).Want(t, http.StatusOK, "Allow-Origin: https://app.example.com", vary)
	site.Do("GET /weather/oslo").Want(t, http.StatusForbidden, vary)
	site.Do("POST /weather/oslo"+page).Want(t, http.StatusForbidden, "Allow-Origin: https://app.example.com", vary)
	site.Do("GET /weather/oslo\nConnection: Upgrade\nUpgrade: websocket"+page).Want(t, http.StatusForbidden, "Allow-Origin: https://app.example.com", vary)
	site.Do("GET /weather/oslo\nOrigin: https://evil.example").Want(t, http.StatusForbidden, vary)
}
