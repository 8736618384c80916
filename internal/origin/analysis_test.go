package origin

import (
	"slices"
	"strings"
	"testing"
)

func TestAnalyze(t *testing.T) {
	const unknown = "?"
	for _, test := range []struct {
		expr  string
		hosts string // names, and domains with a "*." ahead, sorted; "?" if unknown
		http  string // of these, those with the scheme http
	}{
		// Wholly literal, as far as the host goes.
		{`https://app\.example\.com`, "*.example.com", ""},
		{`^https://example\.com$`, "example.com", ""},
		{`https://(app|admin)\.example\.com`, "*.example.com", ""},
		{`https?://example\.com`, "example.com", "example.com"},
		{`https://(app\.internal|intranet)(:[0-9]+)?`, "app.internal intranet", ""},
		{`https://example\.com(:\d{1,5})?`, "example.com", ""},
		{`https://example\.com:.*`, "example.com", ""},
		{`https://example\.com\.?`, "example.com example.com.", ""},
		{`http://localhost:\d+`, "localhost", "localhost"},
		{`http://(localhost|127\.0\.0\.1|\[::1\]):\d+`, "127.0.0.1 [::1] localhost", "127.0.0.1 [::1] localhost"},
		{`(http://localhost|https://example\.com)`, "example.com localhost", "localhost"},
		{`.*://example\.com`, "example.com", "example.com"},
		{`capacitor://localhost`, "localhost", ""},
		{`https://a[bd]c\.example`, "abc.example adc.example", ""},
		{`\Qhttps://example.com\E`, "example.com", ""},

		// A domain of one owner behind a dot.
		{`https://.*\.example\.com`, "*.example.com", ""},
		{`https://.+\.example\.com(:\d+)?`, "*.example.com", ""},
		{`(?i)https://[A-Z]+\.Example\.com`, "*.example.com", ""},
		{`https://[a-z0-9-]+\.example\.com\.?`, "*.example.com *.example.com", ""},
		{`https://([a-z]+\.)?example\.com`, "*.example.com example.com", ""},
		{`https://([a-z]+\.)*example\.co\.uk`, "*.example.co.uk example.co.uk", ""},
		{`https?://.*\.example\.com`, "*.example.com", "*.example.com"},
		{`.*\.example\.com`, "*.example.com", "*.example.com"},
		{`https://.*\.example\.(com|org)`, "*.example.com *.example.org", ""},
		{`https://.*\.example\.(de|dk)`, "*.example.de *.example.dk", ""},
		{`https://.*\.app\.github\.io`, "*.app.github.io", ""},
		{`https://.*\.bucket\.s3\.amazonaws\.com`, "*.bucket.s3.amazonaws.com", ""},
		{`https://.*\.a\.example\.com`, "*.example.com", ""},
		{`http://[a-z]+\.localhost:\d+`, "*.localhost", "*.localhost"},
		{`http://localhost:\d+|https://.*\.example\.com`, "*.example.com localhost", "localhost"},
		{`https://pr-[0-9]+\.example\.net`, "*.example.net", ""},
		{`https://x\.b*\.example\.com`, "*.example.com", ""},

		// A stranger can have a host that matches.
		{`.*`, unknown, unknown},
		{`https://.*`, unknown, ""},
		{`https?://.*`, unknown, unknown},
		{`https://.*example\.com`, unknown, ""},
		{`https://[a-z-]*example\.com`, unknown, ""},
		{`https://.example\.com`, unknown, ""},
		{`https://app.example.com`, unknown, ""},
		{`https://.*\.example.com`, unknown, ""},
		{`https://.*\.com`, unknown, ""},
		{`https://.*\.co\.uk`, unknown, ""},
		{`https://.*\.github\.io`, unknown, ""},
		{`https://.*\.amazonaws\.com`, unknown, ""},
		{`https://.*\.s3\.amazonaws\.com`, unknown, ""},
		{`https://.*\.anything\.ck`, unknown, ""},
		{`https://.*\.internal`, unknown, ""},
		{`https://.*\.example[0-9]\.com`, unknown, ""},
		{`https://.*\.example\.[a-z]+`, unknown, ""},
		{`https://.*\.example\.com.*`, unknown, ""},
		{`https://.*\.example\.com[^/]*`, unknown, ""},
		{`https://.*\.example\.com|https://.*`, unknown, ""},
		{`https://.*\.example\.com|.*\.org`, unknown, unknown},
		{`https://.*\.example\.com(\.[a-z]+)?`, unknown, ""},
		{`https://app\.example\.com(:\d+)?[a-z.]*`, unknown, ""},
		{`https://(ab?)*c\.com`, unknown, ""}, // any number of names
		{`http://192\.168\.0\.\d+`, unknown, unknown},
		{`http://.*\.0\.1`, unknown, unknown},
		{`http://\[fe80::[0-9a-f]+\]`, unknown, unknown},
		{`https://[^.]+`, unknown, ""},
		{`https://\w+\.\w+`, unknown, ""},
		{`https://[\x{212A}a-z]\.example\.com|https://.*\.\x{212A}\.com`, "*.example.com", ""}, // no browser sends the Kelvin sign
		{`https://(?:a{0,1000}){0,500}\.example\.com`, "error", ""},
		{`https://(?:[a-z]{0,900}\.[a-z]){0,1}\.example\.com`, "*.example.com", ""},
	} {
		if _, err := CompileRegexp(test.expr); err != nil {
			if test.hosts != "error" {
				t.Errorf("%s: %v", test.expr, err)
			}
			continue
		}
		a := Analyze(test.expr)
		if got := spell(a.Hosts); got != test.hosts {
			t.Errorf("%s: hosts %q, want %q", test.expr, got, test.hosts)
		}
		if got := spell(a.HTTPHosts); got != test.http {
			t.Errorf("%s: hosts by http %q, want %q", test.expr, got, test.http)
		}
		if a.Impossible {
			t.Errorf("%s: impossible", test.expr)
		}
	}
}

// spell writes hosts as TestAnalyze has them.
func spell(h Hosts) string {
	if !h.Known {
		return "?"
	}
	all := slices.Clone(h.Names)
	for _, domain := range h.Domains {
		all = append(all, "*."+domain)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestAnalyzeImpossible holds expressions that no origin matches against near misses
// that one does.
func TestAnalyzeImpossible(t *testing.T) {
	for _, test := range []struct {
		expr       string
		impossible bool
	}{
		{``, true},
		{`null`, true},
		{`app\.example\.com`, true},
		{`\*`, true},
		{`.*app\.example\.com`, false},
		{`https://App\.example\.com`, true},
		{`(?i)https://App\.example\.com`, false},
		{`https://app\.example\.com/`, true},
		{`https://app\.example\.com/?`, false},
		{`https://app\.example\.com/.*`, true},
		{`https://app\.example\.com(/.*)?`, false},
		{`https://user@app\.example\.com`, true},
		{`https://bücher\.example`, true},
		{`https://.*\.example\.com:443`, true},
		{`http://.*\.example\.com:443`, false},
		{`https?://.*\.example\.com:80`, false},
		{`http://.*\.example\.com:80`, true},
		{`http://.*\.example\.com:8080`, false},
		{`http://.*\.example\.com:\d{6}`, true},
		{`http://.*\.example\.com:0\d*`, true},
		{`app://.*:443`, false},
		{`https:///.*`, true},
		{`https:/.*`, false},
		{`://.*`, true},
		{`1https://.*`, true},
		{`https://\.example\.com`, true},
		{`https://[.]?example\.\.com`, true},
		{`https://`, true},
		{`https://\[::1\]`, false},
		{`https://\[::1`, true},
		{`https://example\.com https://example\.org`, true},
		{`[[:^ascii:]]+`, true},
		{`https://a\$`, true},
		{`[^\x00-\x{10FFFF}]`, true},
		{`(`, false}, // does not compile, so nothing is told of it
	} {
		if a := Analyze(test.expr); a.Impossible != test.impossible {
			t.Errorf("%s: impossible %v", test.expr, a.Impossible)
		}
	}
}

// TestAnalyzeBounds shows that what is too large is not told, and takes no long time.
func TestAnalyzeBounds(t *testing.T) {
	for _, expr := range []string{
		`https://` + strings.Repeat(`(?:[a-z.]?){1000}`, 20),
		`https://(?:[ac][eg]){120}\.com`,
		`https://(?:[ac]?){1000}`,
	} {
		if a := Analyze(expr); a.Hosts.Known || a.HTTPHosts.Known && len(a.HTTPHosts.Names) > 0 || a.Impossible {
			t.Errorf("%.40s: %+v", expr, a)
		}
	}
}

func TestHostsLoopback(t *testing.T) {
	for expr, loopback := range map[string]bool{
		`http://localhost:\d+`:                       true,
		`http://(.*\.)?localhost`:                    true,
		`http://127\.0\.0\.[12]|http://\[::1\]:3000`: true,
		`http://localhost|http://example\.com`:       false,
		`http://localhost|http://.*\.example\.com`:   false,
		`http://.*localhost`:                         false,
		`http://127\..*`:                             false,
		`https://example\.com`:                       true, // no host at all
		`http://localhost.*`:                         false,
	} {
		if got := Analyze(expr).HTTPHosts.Loopback(); got != loopback {
			t.Errorf("%s: %v", expr, got)
		}
	}
}
