package corsproxy

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// redirecting answers /to?<location> with a redirect, of the status in X-Status, and all else
// with what it was asked.
func redirecting(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/to") {
		fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, r.RequestURI)
		return
	}
	w.Header().Set("Location", r.URL.RawQuery)
	w.Header().Set("Set-Cookie", "a=b")
	status := http.StatusFound
	_, _ = fmt.Sscan(r.Header.Get("X-Status"), &status)
	w.WriteHeader(status)
}

// TestRedirects shows which redirects are followed.
func TestRedirects(t *testing.T) {
	a, b := serveAPI(t, redirecting), serveAPI(t, redirecting)
	site := runProxy(t, "targets "+a.URL+" "+b.URL+"/ok/* "+b.URL+"/to\nmethods GET HEAD POST")
	hostA, hostB := strings.TrimPrefix(a.URL, "http://"), strings.TrimPrefix(b.URL, "http://")
	for url, want := range map[string]string{
		"/to?/x":                                     hostA + " /x",
		"/to?x":                                      hostA + " /x",
		"/to?../x/./y":                               hostA + " /x/y",
		"/to?//" + hostA + "/x":                      hostA + " /x",
		"/to?" + b.URL + "/ok/x?y=z":                 hostB + " /ok/x?y=z",
		"/to?" + b.URL + "/ok/x%3A#fragment":         hostB + " /ok/x%3A",
		"/to?/to?/to?/x":                             hostA + " /x",
		"/to?" + b.URL + "/to?" + a.URL + "/x":       hostA + " /x",
		"/to?/to?" + b.URL + "/to?" + b.URL + "/ok/": hostB + " /ok/",
	} {
		if r := site.Do(ask(a.URL + url)); r.StatusCode != http.StatusOK || r.Text != "GET "+want || r.Header["Set-Cookie"] != nil {
			t.Errorf("%s: %s; want %s", url, r, want)
		}
	}
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		if r := site.Do(ask(a.URL+"/to?/x", "X-Status: "+status)); r.Text != "GET "+hostA+" /x" {
			t.Errorf("%s: %s", status, r)
		}
		wantRefusal(t, site.Do("POST /?"+a.URL+"/to?/x\nOrigin: "+page+"\nX-Status: "+status+"\n\nbody"), failedRedirectPOST, allowPage)
	}
	for _, status := range []string{"300", "304", "305", "306", "201"} {
		if r := site.Do(ask(a.URL+"/to?/x", "X-Status: "+status)); fmt.Sprint(r.StatusCode) != status || r.Header["Location"] != nil {
			t.Errorf("%s: %s", status, r)
		}
	}
	for url, want := range map[string]*refusal{
		"/to?/to?/to?/to?/x": failedRedirectCount,
		"/to?" + a.URL + "/to?" + a.URL + "/to?" + a.URL + "/to?" + a.URL: failedRedirectCount,
		"/to?https://api.example/":                                        failedRedirect,
		"/to?//api.example/":                                              failedRedirect,
		"/to?" + b.URL + "/":                                              failedRedirect,
		"/to?" + b.URL + "/ok/%2e%2e%2f":                                  failedRedirect,
		"/to?" + b.URL + "/to?" + b.URL + "/":                             failedRedirect,
		"/to?http://127.0.0.2/":                                           failedRedirect,
		"/to?http://localhost/":                                           failedRedirect,
		"/to?http://[::1]/":                                               failedRedirect,
		"/to?http://169.254.169.254/latest/meta-data":                     failedRedirect,
		"/to?http://metadata.google.internal/":                            failedRedirect,
		"/to?https://" + hostA + "/":                                      failedRedirect,
		"/to?http://user:pass@" + hostA + "/":                             failedRedirectURL,
		"/to?ftp://" + hostA + "/":                                        failedRedirectURL,
		"/to?file:///etc/passwd":                                          failedRedirectURL,
		"/to?javascript:alert(1)":                                         failedRedirectURL,
		"/to?data:text/html,x":                                            failedRedirectURL,
		"/to?http://" + hostA + ":99999/":                                 failedRedirectURL,
		"/to?http://%zz/":                                                 failedRedirectURL,
		"/to?/%2e%2e/x":                                                   failedRedirectURL,
		"/to?http:///x":                                                   failedRedirectURL,
	} {
		wantRefusal(t, site.Do(ask(a.URL+url)), want, allowPage)
	}
}

// TestInsecureRedirects shows that no redirect leads from https to http, of which anyone on
// the network could read and change the response.
func TestInsecureRedirects(t *testing.T) {
	plain := serveAPI(t, redirecting)
	secure := httptest.NewTLSServer(http.HandlerFunc(redirecting))
	defer secure.Close()
	roots = x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	defer func() { roots = nil }()
	site := runProxy(t, "targets "+plain.URL+" "+secure.URL)
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		for _, url := range []string{secure.URL + "/to?" + plain.URL + "/x", secure.URL + "/to?/to?" + plain.URL + "/x", secure.URL + "/to?HTTP:" + strings.TrimPrefix(plain.URL, "http:") + "/x"} {
			wantRefusal(t, site.Do(ask(url, "X-Status: "+status)), failedRedirectPlain, allowPage)
		}
	}
	// Nor one that comes from http first.
	wantRefusal(t, site.Do(ask(plain.URL+"/to?"+secure.URL+"/to?"+plain.URL+"/x")), failedRedirectPlain, allowPage)
	for _, request := range plain.requests() {
		if request.URL.Path == "/x" {
			t.Errorf("it was followed: %s", request.URL)
		}
	}
	for url, want := range map[string]string{secure.URL + "/to?/x": secure.URL, plain.URL + "/to?" + secure.URL + "/x": secure.URL} {
		if r := site.Do(ask(url)); r.Text != "GET "+strings.TrimPrefix(want, "https://")+" /x" {
			t.Errorf("%s: %s", url, r)
		}
	}
}

// TestRedirectsIntoForbiddenRanges shows that names which are allowed are of no use to reach
// addresses that are not, over a chain of redirects.
func TestRedirectsIntoForbiddenRanges(t *testing.T) {
	names := make(map[string][]string)
	for i, addr := range strings.Fields(`127.0.0.2 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 168.63.129.16 100.64.0.1 100.100.100.200 0.0.0.0 192.0.0.192 192.0.2.1 198.18.0.1
		198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 192.88.99.1 ::1 :: fd00:ec2::254 fc00::1 fe80::1 ff02::1 2001:db8::1 3fff::1 2002:7f00:1:: 64:ff9b::7f00:1 64:ff9b:1::1 2001::1 ::ffff:127.0.0.2 ::ffff:10.0.0.1`) {
		names[fmt.Sprintf("n%d.names.example", i)] = []string{addr}
	}
	dns := serveDNS(t, names)
	c, port := serveCounter(t, "127.0.0.2", "::1")
	a := serveAPI(t, redirecting)
	site := runProxy(t, "targets "+a.URL+" http://*.names.example:"+port)
	for name, answers := range names {
		url := "http://" + name + ":" + port + "/"
		for _, chain := range []string{url, a.URL + "/to?" + url, a.URL + "/to?/to?" + url} {
			r := site.Do(ask(chain))
			if r.StatusCode != failedAddress.status || r.Text != failedAddress.Error()+"\n" {
				t.Errorf("%v: %s", answers, r)
			}
		}
		if dns.lookups(name) == 0 {
			t.Errorf("%s was not looked up", name)
		}
	}
	if n := c.connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
}

// TestSecrets shows which targets get which headers, and that none of them follow a redirect
// to another origin.
func TestSecrets(t *testing.T) {
	a, b, c := serveAPI(t, redirecting), serveAPI(t, redirecting), serveAPI(t, redirecting)
	t.Setenv("PROXY_KEY", "k3y")
	site := runProxy(t, "targets "+a.URL+" "+b.URL+" "+c.URL+`
		header_up Authorization "Bearer {env.PROXY_KEY}" for `+a.URL+`
		header_up X-Api-Key k2 for `+b.URL+"/keyed/* "+a.URL+`
		forward_authorization `+c.URL)
	for _, test := range []struct{ url, want string }{ // what each request gets: Authorization, X-Api-Key
		{a.URL + "/x", "Bearer k3y,k2"},
		{b.URL + "/x", ",client"},
		{b.URL + "/keyed/x", ",k2"},
		{c.URL + "/x", "Bearer client,client"},
		{a.URL + "/to?/x", "Bearer k3y,k2 Bearer k3y,k2"},
		{b.URL + "/to?/keyed/x", ",client ,k2"},
		{c.URL + "/to?/x", "Bearer client,client Bearer client,client"},
		{a.URL + "/to?" + b.URL + "/keyed/x", "Bearer k3y,k2 ,"},
		{a.URL + "/to?" + c.URL + "/x", "Bearer k3y,k2 ,"},
		{c.URL + "/to?" + b.URL + "/x", "Bearer client,client ,"},
		{b.URL + "/to?" + a.URL + "/x", ",client ,"},
		{a.URL + "/to?" + b.URL + "/to?" + a.URL + "/x", "Bearer k3y,k2 , ,"},
		{c.URL + "/to?" + b.URL + "/to?" + c.URL + "/x", "Bearer client,client , ,"},
	} {
		r := site.Do(ask(test.url, "Authorization: Bearer client", "X-Api-Key: client", "X-Other: client", "Cookie: client", "Accept: application/json"))
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s", r)
		}
		var got []string
		for _, request := range inOrder(test.url, a, b, c) {
			got = append(got, request.Header.Get("Authorization")+","+request.Header.Get("X-Api-Key"))
			if request.Header["Cookie"] != nil || request.Header.Get("Accept") != "application/json" {
				t.Errorf("%s: %v", test.url, request.Header)
			}
			if crossed := request.Host != strings.SplitN(test.url, "/", 4)[2] || len(got) > 2; crossed == (request.Header.Get("X-Other") != "") {
				t.Errorf("%s: X-Other: %q", test.url, request.Header.Get("X-Other"))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", test.url, got, test.want)
		}
		want := ""
		switch {
		case strings.Contains(test.url, "/to?"): // nobody sees what the redirects say
			want = "no-store"
		case strings.Contains(test.want, "k"):
			want = "private"
		}
		if r.Header.Get("Cache-Control") != want {
			t.Errorf("%s: Cache-Control: %v", test.url, r.Header["Cache-Control"])
		}
	}
}

// inOrder returns the requests that a chain of redirects was, in its order.
func inOrder(chain string, apis ...*api) (requests []*http.Request) {
	asked := make(map[string][]*http.Request)
	for _, a := range apis {
		asked[strings.TrimPrefix(a.URL, "http://")] = a.requests()
	}
	host := ""
	for url := range strings.SplitSeq(chain, "/to?") {
		if strings.HasPrefix(url, "http://") {
			host = strings.Split(url, "/")[2]
		}
		requests = append(requests, asked[host][0])
		asked[host] = asked[host][1:]
	}
	return requests
}
