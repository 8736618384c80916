package corsproxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// counted returns the metrics of the proxy, by target and outcome.
func counted(t *testing.T, site *corstest.Client) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for line := range strings.Lines(site.Do("GET /metrics").Text) {
		labels, ok := strings.CutPrefix(line, "caddy_http_cors_proxy_requests_total{")
		if !ok {
			continue
		}
		var outcome, target string
		var value float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.ReplaceAll(labels, ",", " "), "}", ""), "outcome=%q target=%q %g", &outcome, &target, &value); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		values[target+" "+outcome] = value
	}
	return values
}

// TestMetrics shows what is counted, with labels of the config and fixed words alone.
func TestMetrics(t *testing.T) {
	a := serveAPI(t, redirecting)
	short := serveBytes(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
	serveDNS(t, nil)
	site := runCaddy(t, "http://$A {\nmetrics /metrics\ncors "+page+"\ncors_proxy {\nallow_networks 127.0.0.1\ntargets "+a.URL+" "+short+" https://*.metrics.example/v2/*\n}\n}")
	for request, want := range map[string]string{
		ask(a.URL + "/x"):                          a.URL + " passed",
		ask(a.URL + "/to?https://evil.example/"):   a.URL + " redirect_not_allowed",
		ask(short):                                 short + " target_unreachable",
		ask("https://evil.example/"):               " target_not_allowed",
		ask("nonsense"):                            " request_malformed",
		"GET /?" + a.URL:                           " origin_required",
		"GET /?" + a.URL + "\nOrigin: null":        " origin_null",
		"POST /?" + a.URL + "\nOrigin: " + page:    a.URL + " method_not_allowed",
		ask("https://a.metrics.example/v2/secret"): "https://*.metrics.example/v2/* target_unknown",
	} {
		before := counted(t, site)
		_, _ = site.Try(request)
		after := counted(t, site)
		if after[want] != before[want]+1 {
			t.Errorf("%s: %v, then %v; want %q", request, before, after, want)
		}
		for labels := range after {
			if strings.Contains(labels, "evil") || strings.Contains(labels, "secret") || strings.Contains(labels, "nonsense") {
				t.Errorf("the label %s", labels)
			}
		}
	}
}

// TestLog shows what is logged of what was refused, and that it has neither paths nor
// queries, which may hold keys.
func TestLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	serveDNS(t, map[string][]string{"api.example": {"10.0.0.1"}})
	short := serveBytes(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
	lying := serveBytes(t, "HTTP/1.1 200 OK\r\ns3cret\r\n\r\n")
	site := corstest.NewClient(t, corstest.FreeAddress(t))
	config, err := adapt(strings.Replace(prelude, "output discard", "output file "+file+"\ninclude http.handlers.cors_proxy", 1) +
		"http://" + site.Address + " {\ncors " + page + "\ncors_proxy {\nallow_networks 127.0.0.1\ntargets http://api.example http://10.1.2.3:1 " + short + " " + lying + "\nheader_up X y for http://api.example\n}\n}")
	if err == nil {
		err = caddy.Load(config, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caddy.Stop() }()
	if _, err := site.Try(ask(short+"/s3cret?s3cret", "X-Api-Key: s3cret")); err == nil {
		t.Error("a response that ends early is taken for one")
	}
	for _, url := range []string{lying, "http://api.example/s3cret?key=s3cret", "url=https://other.example/s3cret%7f", "https://other.example/s3cret"} {
		site.Do(ask(url, "Authorization: s3cret"))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(entry["level"], " ", entry["msg"], " ", entry["target"], " ", entry["url_origin"], " ", entry["address"], " ", entry["why"]))
	}
	want := []string{
		"warn connections to this target are refused; if it is another server than this one, and you mean it, add its network to allow_networks http://10.1.2.3:1 <nil> <nil> <nil>",
		"warn this header goes over plain HTTP, where whoever is on the network can read it; write https:// http://api.example <nil> <nil> <nil>",
		"warn pages can reach what listens in these networks, on the ports of the targets, if a target's name has an address there <nil> <nil> <nil> <nil>",
		"info proxy request refused: target_unreachable <nil> " + short + " <nil> <nil>",
		"warn aborting with incomplete response <nil> <nil> <nil> <nil>",
		"info proxy request refused: target_unreachable <nil> " + lying + " <nil> <nil>",
		"info proxy request refused: address_not_allowed <nil> http://api.example 10.0.0.1:80 private use",
		"info proxy request refused: url_malformed <nil> <nil> <nil> <nil>",
		"info proxy request refused: target_not_allowed <nil> https://other.example <nil> <nil>",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || strings.Contains(string(text), "s3cret") {
		t.Errorf("logged:\n%s\n\nwant:\n%s", text, strings.Join(want, "\n"))
	}
}

// TestLoggedErrors shows that errors are logged by their type if their text may have what a
// target sent.
func TestLoggedErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("broken: %w", textproto.ProtocolError(`malformed MIME header: missing colon: "s3cret"`)), "textproto.ProtocolError"},
		{fmt.Errorf("s3cret: %w", io.ErrUnexpectedEOF), "*errors.errorString"},
		{fmt.Errorf("s3cret: %w", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), "dial tcp: connection refused"},
		{&net.DNSError{Err: "no such host", Name: "api.example"}, "lookup api.example: no such host"},
		{fmt.Errorf("s3cret: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{fmt.Errorf("s3cret: %w", context.DeadlineExceeded), "context deadline exceeded"},
	} {
		if got := loggedError(test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}

// TestOwnTargets shows that targets which are this server itself are warned of.
func TestOwnTargets(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	h := Handler{Targets: []string{"http://127.0.0.1:8080", "http://127.0.0.1", "http://127.0.0.1:8081"}, AllowNetworks: []string{"127.0.0.1"}}
	if err := h.compile(); err != nil {
		t.Fatal(err)
	}
	h.warn(zap.New(core), &guard{allowed: h.networks(), app: &caddyhttp.App{Servers: map[string]*caddyhttp.Server{"a": {Listen: []string{":8080", ":80"}}}}})
	if got := logs.FilterMessageSnippet("connections to this target are refused").Len(); got != 2 {
		t.Errorf("%d warnings: %v", got, logs.All())
	}
}

// TestWithoutPolicies shows that a proxy is warned of, once, of which no cors handler keeps
// anyone away, so that it has to refuse all.
func TestWithoutPolicies(t *testing.T) {
	for policies, want := range map[string]int{"": 1, "cors " + page + " {\nreport_only\n}": 1, "cors https://other.example": 0} {
		file := filepath.Join(t.TempDir(), "log")
		site := corstest.NewClient(t, corstest.FreeAddress(t))
		config, err := adapt(strings.Replace(prelude, "output discard", "output file "+file+"\nlevel WARN\ninclude http.handlers.cors_proxy", 1) +
			"http://" + site.Address + " {\nhandle_path /x/* {\n" + policies + "\ncors_proxy {\ntargets https://api.example\n}\nfile_server\n}\n}")
		if err == nil {
			err = caddy.Load(config, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if r := site.Do(strings.Replace(ask("https://api.example"), "/?", "/x/?", 1)); r.StatusCode != http.StatusForbidden {
				t.Errorf("%s", r)
			}
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		log, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if got := strings.Count(string(log), "no cors handler decides"); got != want {
			t.Errorf("%q: %d warnings, want %d: %s", policies, got, want, log)
		}
	}
}

// TestLoopbackTargets shows that targets which no connection reaches are warned of.
func TestLoopbackTargets(t *testing.T) {
	for network, want := range map[string]int{"": 3, "127.0.0.1": 0, "::1": 0, "10.0.0.0/8": 3} {
		core, logs := observer.New(zap.WarnLevel)
		h := Handler{Targets: []string{"http://localhost:8080", "http://api.localhost", "http://localhost.", "https://api.example"}}
		if network != "" {
			h.AllowNetworks = []string{network}
		}
		if err := h.compile(); err != nil {
			t.Fatal(err)
		}
		h.warn(zap.New(core), &guard{allowed: h.networks()})
		if got := logs.FilterMessageSnippet("connections to this target are refused").Len(); got != want {
			t.Errorf("%q: %d warnings, want %d", network, got, want)
		}
	}
}

// TestCheck shows that `caddy cors check` judges responses through the proxy as a browser
// does.
func TestCheck(t *testing.T) {
	a := serveAPI(t, redirecting)
	site := runProxy(t, "targets "+a.URL)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{site.URL("/?url=" + a.URL + "/items"), "--origin", page}, "<nil>"},
		{[]string{site.URL("/?" + a.URL + "/items?a=b&c"), "--origin", page, "-H", "X-Api-Key: k"}, "<nil>"},
		{[]string{site.URL("/" + a.URL + "/items"), "--origin", page, "-H", "Authorization: Bearer x"}, "<nil>"},
		{[]string{site.URL("/?https://other.example"), "--origin", page}, "<nil>"}, // the page can read the error
		{[]string{site.URL("/?url=" + a.URL), "--origin", "https://evil.example"}, "exiting with status 2"},
		{[]string{site.URL("/?url=" + a.URL), "--origin", page, "--credentials"}, "exiting with status 2"},
	} {
		cors := &cobra.Command{Use: "cors", SilenceUsage: true, SilenceErrors: true}
		caddycmd.Commands()["cors"].CobraFunc(cors)
		var out bytes.Buffer
		cors.SetOut(&out)
		cors.SetErr(&out)
		cors.SetArgs(append([]string{"check"}, test.args...))
		if err := cors.ExecuteContext(t.Context()); fmt.Sprint(err) != test.want {
			t.Errorf("%q: %v\n%s", test.args, err, &out)
		}
	}
}
