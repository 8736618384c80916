package caddycors

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestAdminAPI changes the origins of a running Caddy, while requests keep coming.
func TestAdminAPI(t *testing.T) {
	site, admin := newClient(t), newClient(t)
	loadCaddy(t, []byte(`{
		"admin": {"listen": "`+admin.address+`", "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}},
		"apps": {"http": {"servers": {"api": {
			"listen": ["`+site.address+`"],
			"automatic_https": {"disable": true},
			"routes": [{"handle": [
				{"@id": "cors", "handler": "cors", "policies": [{"allow_origins": ["https://app.example.com"]}]},
				{"handler": "static_response", "body": "hi"}
			]}]
		}}}}
	}`))

	// Every answer, at any time, is right for one of the configs that were loaded.
	stop := make(chan struct{})
	var load sync.WaitGroup
	var sent atomic.Int64
	for range 4 {
		load.Add(1)
		go func() {
			defer load.Done()
			c := clientOf(t, site.address)
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(4)
				for request, grants := range map[string]string{
					get:                                   "|https://app.example.com",
					preflight:                             "|https://app.example.com",
					getOther:                              "|",
					strings.Replace(get, "app", "new", 1): "|https://new.example.com|",
				} {
					r, err := c.try(request)
					for i := 0; i < 20 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)); i++ {
						// A reload closes the old server's socket, and with it what waits
						// there to be accepted, with this module or without. No request
						// was read on such a connection; a client sends it again.
						r, err = c.try(request)
					}
					if err != nil {
						t.Errorf("%s: %v", request, err)
						return
					}
					granted := r.Header.Get(headerAllowOrigin)
					always := !strings.HasSuffix(grants, "|")
					if r.StatusCode > 204 || !strings.Contains(grants+"|", "|"+granted+"|") || always && granted == "" || r.Header.Get("Vary") != "Origin" {
						t.Errorf("%s\n\ngot %s", request, r)
						return
					}
				}
			}
		}()
	}

	const origins = "/id/cors/policies/0/allow_origins"
	getNew := strings.Replace(get, "app", "new", 1)
	config := func() string { return admin.do("GET /config/").body }
	for range 10 {
		site.do(getNew).want(t, 200, vary)

		admin.send(t, http.MethodPost, origins, `"https://new.example.com"`, "")
		site.do(getNew).want(t, 200, "Allow-Origin: https://new.example.com", vary)

		before := config()
		for value, want := range map[string]string{
			`"https://new.example.com/"`: `allow_origins \"https://new.example.com/\": an origin has no trailing slash; write \"https://new.example.com\"`,
			`"*"`:                        `\"*\" stands alone`,
			`42`:                         `cannot unmarshal number`,
		} {
			admin.send(t, http.MethodPost, origins, value, want)
		}
		admin.send(t, http.MethodPut, "/id/cors/policies/0/allow_credential", `true`, `unknown field \"allow_credential\"`)
		admin.send(t, http.MethodPut, "/id/cors/policies/0/max_age", `600`, `max_age \"600\": a duration has a unit; write \"600s\"`)
		if after := config(); after != before {
			t.Fatalf("a config that was refused changed the one that runs:\n%s\n%s", before, after)
		}
		site.do(getNew).want(t, 200, "Allow-Origin: https://new.example.com", vary)

		admin.send(t, http.MethodDelete, origins+"/1", "", "")
		site.do(getNew).want(t, 200, vary)
		if t.Failed() {
			break
		}
	}
	close(stop)
	load.Wait()
	if sent.Load() < 100 {
		t.Errorf("only %d requests were sent meanwhile", sent.Load())
	}
}

// send calls the admin API. It fails unless the call succeeds, or is refused with an
// error that says what is wanted.
func (c *client) send(t *testing.T, method, path, body, wantError string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || (resp.StatusCode == http.StatusOK) != (wantError == "") || !strings.Contains(string(answer), wantError) {
		t.Fatalf("%s %s %s: %s %s %v, want error %q", method, path, body, resp.Status, answer, err, wantError)
	}
}
