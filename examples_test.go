package caddycors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs the Caddyfile of every example on a real Caddy, with its ports
// replaced by free ones, and drives it.
func TestExamples(t *testing.T) {
	drivers := map[string]func(t *testing.T, caddyfile string){
		"monitoring": driveMonitoring,
		"playground": drivePlayground,
		"quickstart": driveQuickstart,
		"tenants":    driveTenants,
	}
	files, err := filepath.Glob("examples/*/Caddyfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
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
