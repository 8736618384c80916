package source

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestPlainHTTP shows from where origins may come without TLS, and when the log warns of it.
func TestPlainHTTP(t *testing.T) {
	const silent, warned, refused = "silent", "warned", "refused"
	for url, want := range map[string]string{ // with credentials
		"https://lists.example/":          silent,
		"https://203.0.113.1/":            silent,
		"http://localhost:9000/":          silent,
		"http://LOCALHOST/":               silent,
		"http://127.0.0.1:1/":             silent,
		"http://127.9.9.9/":               silent,
		"http://[::1]:9000/":              silent,
		"http://[::ffff:127.0.0.1]/":      silent,
		"http://10.0.0.1/":                warned,
		"http://172.31.255.255:8080/":     warned,
		"http://192.168.0.1/a":            warned,
		"http://169.254.1.1/":             warned,
		"http://[fd00::1]:8080/":          warned,
		"http://[fe80::1%25eth0]/":        warned,
		"http://[::ffff:10.0.0.1]/":       warned,
		"http://tenants:8080/":            warned,
		"http://my_app-tenants-1/":        warned,
		"http://TENANTS/":                 warned,
		"http://tenants.corp.internal/":   warned,
		"http://Tenants.Corp.INTERNAL/":   warned,
		"http://nas.local:5000/":          warned,
		"http://t.n.svc.cluster.local/":   warned,
		"http://lists.example/":           refused,
		"http://lists.localhost/":         refused, // what that stands for is up to a resolver
		"http://203.0.113.1/":             refused,
		"http://172.32.0.1/":              refused,
		"http://100.64.0.1/":              refused,
		"http://0.0.0.0/":                 refused,
		"http://[::]/":                    refused,
		"http://[2001:db8::1]/":           refused,
		"http://[::ffff:203.0.113.1]/":    refused,
		"http://[64:ff9b::a00:1]/":        refused, // 10.0.0.1, where a gateway says so
		"http://3405803777/":              refused, // 203.0.113.1 to some resolvers
		"http://0xcb007101/":              refused,
		"http://10.1/":                    refused,
		"http://tenants./":                refused,
		"http://internal.example/":        refused,
		"http://notlocal.example.local./": refused,
		"http://evil-internal.example/":   refused,
		"http://10.0.0.1.example/":        refused,
		"http://tenants@lists.example/":   refused,
	} {
		for rules, want := range map[Rules]string{
			{Credentials: true}:                 want,
			{Credentials: true, Insecure: true}: strings.Replace(want, refused, warned, 1),
			{}:                                  strings.Replace(want, refused, warned, 1),
		} {
			core, logged := observer.New(zapcore.DebugLevel)
			got := silent
			u, err := parseURL(url, rules)
			if err == nil {
				warnOfPlainHTTP(zap.New(core), u)
			}
			if logged.Len() > 0 {
				got = warned
			}
			if err != nil {
				got = refused
			}
			if got != want {
				t.Errorf("%s, %+v: %s, want %s: %v", url, rules, got, want, err)
			}
		}
	}
}

// TestPlainHTTPIsLogged shows that both kinds of sources that have a URL warn of it, in the
// same words and without secrets.
func TestPlainHTTPIsLogged(t *testing.T) {
	ctx, logged := runCaddyLogging(t, t.TempDir())
	const url = "http://me:s3cret@[fe80::1]:1/list?key=s3cret" // of which the zone is missing
	rules := Rules{Credentials: true}
	if err := keep(ctx.Storage(), keptKey(httpKey{url: url, headers: "{}", rules: rules}), &keptList{Sum: sumOf(a), text: a}); err != nil {
		t.Fatal(err)
	}
	for kind, module := range map[string]caddy.Module{"http": &HTTP{URL: url}, "ask": &Ask{URL: url}} {
		ctx, cancel := caddy.NewContext(ctx)
		defer cancel()
		ctx = WithPolicy(ctx, Policy{Rules: rules})
		if _, err := ctx.LoadModuleByID(string(module.CaddyModule().ID), caddyconfig.JSON(module, nil)); err != nil {
			t.Fatal(err)
		}
		lines := linesOf(logged(), `"logger":"http.cors.origins.`+kind+`"`, "plain HTTP")
		if len(lines) != 1 || !strings.Contains(lines[0], `"level":"warn"`) || !strings.Contains(lines[0], `"url":"http://[fe80::1]:1/list"`) || !strings.Contains(lines[0], "write https://") {
			t.Errorf("%s: the log says %v", kind, lines)
		}
	}
	if strings.Contains(logged(), "s3cret") {
		t.Errorf("the log tells a secret: %s", logged())
	}
}

// TestShownURL shows what is told of a URL, and that nothing in it that is secret is.
func TestShownURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://tenants.example.com/origins":                    "https://tenants.example.com/origins",
		"http://u:s3cret@a.example:8080/b%2Fc?key=s3cret#s3cret": "http://a.example:8080/b%2Fc",
		"https://s3cret@a.example":                               "https://a.example",
		"https://a.example?":                                     "https://a.example",
		"https://{env.HOST}/?key=s3cret":                         "",
		"https://u:s3cret%zz@a.example/":                         "",
		"https://a.example/\x1b[31ms3cret":                       "",
		"{env.TENANTS_URL}":                                      "{env.TENANTS_URL}",
		"https://a.example/{env.TENANT}/list?key=s3cret":         "https://a.example/{env.TENANT}/list",
		"": "",
	} {
		if got := ShownURL(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := ShownURL("https://a.example/" + strings.Repeat("a", 10_000)); len(got) > 200 {
		t.Errorf("it shows %d bytes", len(got))
	}
}
