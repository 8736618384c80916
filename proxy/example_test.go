package corsproxy

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestExample runs the example with its API in the place of somebody else's. The API is no
// Caddy of this process, as a proxy does not connect to its own server.
func TestExample(t *testing.T) {
	caddyfile, err := os.ReadFile("../examples/cors-proxy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile("../examples/cors-proxy/api/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adapt(string(theirs)); err != nil || !strings.Contains(string(theirs), "Bearer example-key") {
		t.Errorf("the API: %v", err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "tracking=1")
		switch {
		case r.URL.Path == "/weather/norway":
			http.Redirect(w, r, "/weather/oslo", http.StatusFound)
		case r.Header.Get("Authorization") != "Bearer example-key":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = w.Write([]byte("Oslo"))
		}
	}))
	defer api.Close()
	own, site, admin := corstest.NewClient(t, corstest.FreeAddress(t)), corstest.NewClient(t, corstest.FreeAddress(t)), corstest.FreeAddress(t)
	config, err := adapt(strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin+"\n\t# Listen", "localhost:3000", own.Address, "localhost:8000", site.Address,
		"http://localhost:9000", api.URL, "examples/", "../examples/").Replace(string(caddyfile)))
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caddy.Stop() }()
	origin := "\nOrigin: http://" + own.Address
	for _, path := range []string{"/weather/oslo", "/weather/norway"} {
		r := site.Do("GET /?url=" + api.URL + path + origin)
		r.Want(t, http.StatusOK, "Allow-Origin: http://"+own.Address, vary)
		if r.Text != "Oslo" || r.Header["Set-Cookie"] != nil {
			t.Errorf("%s", r)
		}
	}
	wantRefusal(t, site.Do("GET /?url="+api.URL+"/admin"+origin), refusedTarget, "Allow-Origin: http://"+own.Address)
	if r := own.Do("GET /"); !strings.Contains(r.Text, "Read an API that is not yours") {
		t.Errorf("%s", r)
	}
	// The server's own admin endpoint is no target, even where its network is allowed.
	config, err = adapt(strings.NewReplacer("{\n\t# Listen", "{\n\tadmin "+admin+"\n\t# Listen", "localhost:8000", site.Address, "localhost:3000", own.Address,
		"http://localhost:9000/weather/*", "http://"+admin+" http://"+own.Address).Replace(string(caddyfile)))
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{admin, own.Address} {
		wantRefusal(t, site.Do("GET /?url=http://"+address+"/config/"+origin), failedAddress, "Allow-Origin: http://"+own.Address)
	}
}
