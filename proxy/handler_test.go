package corsproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// TestForms shows that each form of a request gets what the target says, once, with the CORS
// headers of the policy.
func TestForms(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "7")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
	})
	site := runProxy(t, "targets "+a.URL)
	host := strings.TrimPrefix(a.URL, "http://")
	for request, want := range map[string]string{
		"/?url=http%3A%2F%2F" + strings.Replace(host, ":", "%3A", 1) + "%2Fa%3Fb%3Dc%26d": "/a?b=c&d",
		"/?url=" + a.URL + "/a":              "/a",
		"/?" + a.URL + "/a?b=c&d=http://e/f": "/a?b=c&d=http://e/f",
		"/" + a.URL + "/a/b?c":               "/a/b?c",
		"/http:/" + host + "/%C3%A4?b=%2F":   "/%C3%A4?b=%2F",
		"/" + a.URL:                          "/",
		"/?" + a.URL:                         "/",
		"/" + a.URL + "/a%2Fb//c;d":          "/a%2Fb//c;d",
		"/?url=http://2130706433:" + strings.TrimPrefix(host, "127.0.0.1:"): "/",
	} {
		r := site.Do("GET " + request + "\nOrigin: " + page)
		r.Want(t, http.StatusTeapot, allowPage, vary)
		if r.Text != "GET "+want || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Request-Id") != "7" ||
			r.Header.Get("Content-Security-Policy") != "sandbox" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s", request, r)
		}
	}
	for _, r := range a.requests() {
		if r.Host != host {
			t.Errorf("the Host is %s", r.Host)
		}
	}
	site.Do("HEAD /"+a.URL+"\nOrigin: "+page).Want(t, http.StatusTeapot, allowPage, vary)
	site.Do("OPTIONS /"+a.URL+"\nOrigin: "+page+"\nAccess-Control-Request-Method: GET\nAccess-Control-Request-Headers: x-api-key").Want(t, http.StatusNoContent,
		allowPage, vary, "Allow-Headers: *, Authorization", "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Max-Age: 600")
	if r := a.requests(); len(r) != 1 || r[0].Method != http.MethodHead {
		t.Errorf("%v", r)
	}
}

// TestRefusedRequests shows who is not served, and that no target hears of it.
func TestRefusedRequests(t *testing.T) {
	a := serveAPI(t, func(http.ResponseWriter, *http.Request) {})
	site := runProxy(t, "targets "+a.URL+"/v1 http://127.0.0.1:1")
	for request, want := range map[string]*refusal{
		"\nOrigin: https://evil.example":                              refusedPolicy,
		"\nOrigin: https://evil.example\nSec-Fetch-Site: same-origin": refusedPolicy,
		"\nOrigin: http://$A":                                         refusedPolicy, // this site's own pages are not allowed either
		"\nOrigin: " + page + "/":                                     refusedPolicy,
		"\nOrigin: " + page + "\nOrigin: " + page:                     refusedPolicy,
		"\nOrigin: ":        refusedPolicy,
		"\nOrigin: null":    refusedNullOrigin,
		"\nOrigin: file://": refusedNullOrigin,
		"":                  refusedOrigin,
		"\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image":                refusedOrigin,
		"\nSec-Fetch-Mode: navigate":                                      refusedNavigation,
		"\nSec-Fetch-Mode: navigate\nOrigin: " + page:                     refusedNavigation,
		"\nSec-Fetch-Mode: nested-navigate\nOrigin: " + page:              refusedNavigation,
		"\nSec-Fetch-Mode: websocket\nOrigin: " + page:                    refusedNavigation,
		"\nSec-Fetch-Dest: document\nOrigin: " + page:                     refusedNavigation,
		"\nSec-Fetch-Dest: iframe\nOrigin: " + page:                       refusedNavigation,
		"\nSec-Fetch-Dest: serviceworker\nOrigin: " + page:                refusedNavigation,
		"\nSec-Fetch-Dest: worker\nSec-Fetch-Mode: cors\nOrigin: " + page: refusedNavigation,
		"\nService-Worker: script\nOrigin: " + page:                       refusedNavigation,
		"\nConnection: Upgrade\nUpgrade: websocket\nOrigin: " + page:      refusedUpgrade,
		"\nConnection: Upgrade\nUpgrade: h2c\nOrigin: " + page:            refusedUpgrade,
	} {
		r := site.Do("GET /?url=" + a.URL + "/v1" + request)
		var cors []string
		if r.Request.Header.Get("Origin") == page && len(r.Request.Header["Origin"]) == 1 {
			cors = append(cors, allowPage)
		}
		wantRefusal(t, r, want, cors...)
	}
	for request, want := range map[string]*refusal{
		"GET /":                           refusedForm,
		"GET /favicon.ico":                refusedForm,
		"GET /?url=":                      refusedForm,
		"GET /?url=" + a.URL + "/v1?b&c=": refusedEncoding,
		"GET /?url=ftp://127.0.0.1/":      refusedURL,
		"GET /?http://u:p@127.0.0.1/":     refusedUserInfo,
		"GET /?" + a.URL + "/v1/../":      refusedDotSegments,
		"GET /?" + a.URL + "/v1/" + strings.Repeat("a", 9000): refusedLongURL,
		"GET /?" + a.URL + "/v2":                              refusedTarget,
		"GET /?" + a.URL + "/v1/%2e%2e%2f":                    refusedAmbiguous,
		"GET /?https://api.example/":                          refusedTarget,
		"GET /?http://localhost/":                             refusedTarget,
		"GET /?http://127.0.0.1:1/":                           failedConnection,
		"POST /?" + a.URL + "/v1":                             refusedMethod,
		"DELETE /?" + a.URL + "/v1":                           refusedMethod,
		"OPTIONS /?" + a.URL + "/v1":                          refusedMethod,
	} {
		r := site.Do(request + "\nOrigin: " + page)
		wantRefusal(t, r, want, allowPage)
		if allow := r.Header.Get("Allow"); (want == refusedMethod) != (allow == "GET, HEAD") {
			t.Errorf("Allow: %s", allow)
		}
	}
	if n := len(a.requests()); n > 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestPolicyIsRequired shows that only a cors handler that acts and allows opens the proxy.
func TestPolicyIsRequired(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })
	block := "\ncors_proxy {\ntargets " + a.URL + "\nallow_networks 127.0.0.1/32\n}\n}"
	for config, want := range map[string]*refusal{
		"":                                    refusedPolicy,
		"cors https://other.example":          refusedPolicy,
		"cors none":                           refusedPolicy,
		"cors " + page + " {\nreport_only\n}": refusedPolicy,
		"cors /other/* " + page:               refusedPolicy,
		"@x header X y\ncors @x " + page:      refusedPolicy,
		"cors " + page:                        nil,
		"cors *":                              nil,
		"cors " + page + " {\nenforce\n}":     nil,
		"cors https://*.example.com":          nil,
	} {
		site := runCaddy(t, "http://$A {\n"+config+block)
		r := site.Do(ask(a.URL))
		if want == nil && (r.StatusCode != http.StatusOK || r.Text != "secret") || want != nil && (r.StatusCode != want.status || r.Text != want.Error()+"\n") {
			t.Errorf("%s: %s", config, r)
		}
		for _, lines := range []string{"", "\nOrigin: null", "\nOrigin: ", "\nOrigin: nonsense", "\nOrigin: " + page + "\nOrigin: " + page} {
			if r := site.Do("GET /?" + a.URL + lines); r.StatusCode != http.StatusForbidden || strings.Contains(r.Text, "secret") {
				t.Errorf("%s: %s: %s", config, lines, r)
			}
		}
	}
	site := runCaddy(t, "http://$A {\ncors "+page+" {\nforward_preflights\n}"+block)
	if r := site.Do("OPTIONS /?" + a.URL + "\nOrigin: " + page + "\nAccess-Control-Request-Method: GET"); r.StatusCode != http.StatusForbidden {
		t.Errorf("%s", r)
	}
}

// TestNoCredentials shows that no response, and no answer that refuses, lets pages read
// what they asked for with credentials.
func TestNoCredentials(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Set-Cookie", "a=b")
	})
	site := runCaddy(t, "http://$A {\ncors "+page+" {\nallow_credentials\nexpose_headers *\n}\ncors_proxy {\ntargets "+a.URL+"\nallow_networks 127.0.0.1\n}\n}")
	for _, url := range []string{a.URL, "https://other.example"} {
		r := site.Do(ask(url, "Cookie: session=1"))
		if r.Header["Access-Control-Allow-Credentials"] != nil || r.Header["Set-Cookie"] != nil || r.Header.Get("Access-Control-Allow-Origin") != page {
			t.Errorf("%s", r)
		}
	}
	for _, protocol := range []string{corstest.H2C} {
		if r := site.Over(protocol).Do(ask(a.URL)); r.Header["Access-Control-Allow-Credentials"] != nil || r.StatusCode != http.StatusOK {
			t.Errorf("%s", r)
		}
	}
	// The response that failed had it already.
	site = runCaddy(t, "http://$A {\ncors "+page+" {\nallow_credentials\n}\nerror /e* 503\nhandle_errors {\nrewrite * /?"+a.URL+"\ncors_proxy {\ntargets "+a.URL+"\nallow_networks 127.0.0.1\n}\n}\n}")
	if r := site.Do("GET /e\nOrigin: " + page); r.Header["Access-Control-Allow-Credentials"] != nil || r.StatusCode != http.StatusOK || r.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("%s", r)
	}
}

// TestErrorsAreReadable shows in which form an error is told.
func TestErrorsAreReadable(t *testing.T) {
	site := runProxy(t, "targets https://api.example")
	for accept, want := range map[string]bool{
		"":                                    false,
		"*/*":                                 false,
		"text/html, */*;q=0.8":                false,
		"application/json":                    true,
		"Application/JSON; charset=utf-8":     true,
		"application/json, text/plain, */*":   true,
		"text/plain, application/json;q=0.9":  false,
		"text/plain;q=0.5, application/json":  true,
		"application/problem+json":            true,
		"application/vnd.api+json;q=0.1, */*": true,
		"application/json;q=0":                false,
		"application/json;q=nonsense":         false,
		"application/json;q=2":                false,
	} {
		r := site.Do(ask("https://other.example/<script>alert(1)</script>", "Accept: "+accept))
		r.Want(t, 403, allowPage, "Vary: Accept, Origin")
		var body struct {
			Status  int
			Error   string
			Message string
		}
		err := json.Unmarshal([]byte(r.Text), &body)
		if (err == nil) != want || strings.Contains(r.Text, "script") || want != (r.Header.Get("Content-Type") == "application/json") {
			t.Errorf("%s: %s", accept, r)
		}
		if want && (body.Status != 403 || body.Error != "target_not_allowed" || body.Message != refusedTarget.message) {
			t.Errorf("%s: %s", accept, r)
		}
	}
	if r := site.Do("HEAD /\nOrigin: " + page); r.StatusCode != http.StatusBadRequest || r.Text != "" || r.Header.Get("Content-Length") == "0" {
		t.Errorf("%s", r)
	}
}
