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

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestAdminAPI changes the origins of a running Caddy, while requests keep coming.
func TestAdminAPI(t *testing.T) {
	site, admin := newClient(t), adminAPI{newClient(t)}
	loadCaddy(t, []byte(`{
		"admin": {"listen": "`+admin.Address+`", "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}},
		"apps": {"http": {"servers": {"api": {
			"listen": ["`+site.Address+`"],
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
	stopLoad := sync.OnceFunc(func() {
		close(stop)
		load.Wait()
	})
	defer stopLoad()
	var sent atomic.Int64
	for range 4 {
		load.Add(1)
		go func() {
			defer load.Done()
			c := corstest.NewClient(t, site.Address)
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
					r, err := persist(c, request)
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
	want := func(request string, lines ...string) {
		t.Helper()
		r, err := persist(site, request)
		if err != nil {
			t.Fatalf("%s: %v", request, err)
		}
		r.Want(t, 200, lines...)
	}
	for range 10 {
		want(getNew, vary)

		admin.send(t, http.MethodPost, origins, `"https://new.example.com"`, "")
		want(getNew, "Allow-Origin: https://new.example.com", vary)

		before := admin.config(t)
		for value, want := range map[string]string{
			`"https://new.example.com/"`: `allow_origins \"https://new.example.com/\": an origin has no trailing slash; write \"https://new.example.com\"`,
			`"*"`:                        `\"*\" stands alone`,
			`42`:                         `cannot unmarshal number`,
		} {
			admin.send(t, http.MethodPost, origins, value, want)
		}
		admin.send(t, http.MethodPut, "/id/cors/policies/0/allow_credential", `true`, `unknown field \"allow_credential\"`)
		admin.send(t, http.MethodPut, "/id/cors/policies/0/max_age", `600`, `max_age \"600\": a duration has a unit; write \"600s\"`)
		if after := admin.config(t); after != before {
			t.Fatalf("a config that was refused changed the one that runs:\n%s\n%s", before, after)
		}
		want(getNew, "Allow-Origin: https://new.example.com", vary)

		admin.send(t, http.MethodDelete, origins+"/1", "", "")
		want(getNew, vary)
		if t.Failed() {
			break
		}
	}
	stopLoad()
	if sent.Load() < 100 {
		t.Errorf("only %d requests were sent meanwhile", sent.Load())
	}
}

// cutOff reports whether a request failed because a reload closed a socket with
// connections that waited to be accepted. Caddy does so with this module or without;
// nothing was read of the request, and clients send it again.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// persist sends a request, again where a reload cut it off.
func persist(c *client, request string) (r response, err error) {
	for range 20 {
		if r, err = c.Try(request); !cutOff(err) {
			break
		}
	}
	return r, err
}

// adminAPI is a client of Caddy's admin API.
type adminAPI struct{ *client }

// config returns the config that runs.
func (a adminAPI) config(t *testing.T) string {
	t.Helper()
	r, err := persist(a.client, "GET /config/")
	if err != nil {
		t.Fatal(err)
	}
	return r.Text
}

// send calls the admin API. It fails unless the call succeeds, or is refused with an
// error that says what is wanted.
func (a adminAPI) send(t *testing.T, method, path, body, wantError string) {
	t.Helper()
	before := a.config(t)
	for attempt := 0; ; attempt++ {
		r, err := a.Try(method + " " + path + "\nContent-Type: application/json\n\n" + body)
		if cutOff(err) && attempt < 20 {
			if wantError == "" && a.config(t) != before {
				return // it is the answer that was cut off
			}
			continue
		}
		if err != nil || (r.StatusCode == http.StatusOK) != (wantError == "") || !strings.Contains(r.Text, wantError) {
			t.Fatalf("%s %s %s: %s %v, want error %q", method, path, body, r, err, wantError)
		}
		return
	}
}
