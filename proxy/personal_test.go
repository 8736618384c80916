package corsproxy

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// TestPersonalResponses shows that no response that is one client's own reaches another one:
// neither is it kept, nor does that client get what another's request has put there.
func TestPersonalResponses(t *testing.T) {
	var served atomic.Int64
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		for _, line := range r.URL.Query()["line"] {
			name, value := "", ""
			_, _ = fmt.Sscanf(line, "%s %q", &name, &value)
			w.Header().Add(name, value)
		}
		// To whom it is, and which one it is.
		fmt.Fprint(w, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("X-Custom"), r.Header.Get("Accept"), r.Header.Get("Accept-Language"), r.Header.Get("User-Agent"), " ", served.Add(1))
	})
	site := runProxy(t, "targets "+a.URL+`
		header_up X-Api-Key s3cret for `+a.URL+`/keyed
		forward_authorization `+a.URL+`
		cache 5m`)
	const (
		public  = `&line=Cache-Control+"public,max-age=60"`
		maxAge  = `&line=Cache-Control+"max-age=60"`
		private = `&line=Cache-Control+"private,max-age=60"`
	)
	for i, test := range []struct {
		name    string
		request []string // header lines of the first client; the other one has none
		path    string
		answer  string
	}{
		{"an Authorization", []string{"Authorization: Bearer a"}, "/", maxAge},
		{"an Authorization, publicly", []string{"Authorization: Bearer a"}, "/", public},
		{"an Authorization, for shared caches", []string{"Authorization: Bearer a"}, "/", `&line=Cache-Control+"s-maxage=60"`},
		{"a cookie", []string{"Cookie: session=a"}, "/", public},
		{"a proxy's log-in", []string{"Proxy-Authorization: Basic a"}, "/", public},
		{"a key", []string{"X-Api-Key: a"}, "/", public},
		{"another header", []string{"X-Custom: a"}, "/", public},
		{"a key, in a header that is too long for one that needs no permission", []string{"Accept: " + fmt.Sprintf("%0200d", 7)}, "/", public},
		{"a key, in a header with characters that need permission", []string{"Accept-Language: key:a"}, "/", public},
		{"a language", []string{"Accept-Language: de"}, "/", public + `&line=Vary+"Accept-Language"`},
		{"a type", []string{"Accept: application/json"}, "/", public + `&line=Vary+"accept,+origin"`},
		{"a browser", []string{"User-Agent: a"}, "/", public + `&line=Vary+"User-Agent"`},
		{"a language, which the target does not tell", []string{"Accept-Language: de"}, "/", public},
		{"a type, which the target does not tell", []string{"Accept: application/json"}, "/", public},
		{"a browser, which the target does not tell", []string{"User-Agent: a"}, "/", public},
		{"headers without a comma between", nil, "/", public + `&line=Vary+"Accept+Accept-Language"`},
		{"private, in what is malformed", nil, "/", `&line=Cache-Control+"private+max-age=60"&line=Expires+"Thu,+01+Jan+2099+00:00:00+GMT"`},
		{"what nobody knows", nil, "/", public + `&line=Vary+"*"`},
		{"a range", []string{"Range: bytes=0-3"}, "/", public},
		{"a condition", []string{`If-None-Match: "a"`}, "/", public},
		{"no-store of the request", []string{"Cache-Control: no-store"}, "/", public},
		{"a cookie of the target", nil, "/", public + `&line=Set-Cookie+"a=b"`},
		{"private", nil, "/", private},
		{"private for a header", nil, "/", `&line=Cache-Control+"private=x,max-age=60"`},
		{"private on another line", nil, "/", maxAge + `&line=Cache-Control+"private"`},
		{"no-store", nil, "/", `&line=Cache-Control+"no-store,max-age=60"`},
		{"no-cache", nil, "/", `&line=Cache-Control+"no-cache,max-age=60"`},
		{"nothing said", nil, "/", ""},
		{"a secret of the config", nil, "/keyed", maxAge},
	} {
		for _, first := range []int{0, 1} { // which of them asks first
			url := encoded(fmt.Sprintf("%s%s?%d-%d%s", a.URL, test.path, i, first, test.answer))
			got := make(map[string]int)
			for n := range 4 {
				client := (first + n) % 2
				request := ask("url=" + url)
				if client == 0 {
					request = ask("url="+url, test.request...)
				}
				r := site.Do(request)
				if other, again := got[r.Text]; r.StatusCode != http.StatusOK || again && other != client {
					t.Errorf("%s: client %d got what client %d did: %s", test.name, client, other, r)
				}
				got[r.Text] = client
			}
			if test.request == nil && len(got) != 4 {
				t.Errorf("%s: it was kept: %v", test.name, got)
			}
		}
	}
}
