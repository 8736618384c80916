package origin

import (
	"fmt"
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
		{`https://a(?:b|d)c\.example`, "abc.example adc.example", ""},
		{`\Qhttps://example.com\E`, "example.com", ""},

		{`https://(?:app1|app2|app3)\.vercel\.app`, "app1.vercel.app app2.vercel.app app3.vercel.app", ""},
		{`https://example[.]com`, "example.com", ""},
		{`https://[eE]xample\.com`, "example.com", ""},
		{`https://(?:a|b)?c\.com`, "ac.com bc.com c.com", ""},

		// A domain of one owner behind a dot.
		{`https://.*[.]example[.]com`, "*.example.com", ""},
		{`https://[-a-z]+\.example\.(ca|cb|cc)`, "*.example.ca *.example.cb *.example.cc", ""},
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
		{`https://app-[13579]{3}\.vercel\.app`, unknown, ""},
		{`https://[aceg]{2}\.com`, unknown, ""},
		{`https://[0-1_a-b]{2}shop\.com`, unknown, ""},
		{`https://a[bd]c\.example`, unknown, ""},
		{`https://a[]b]c\.example`, unknown, ""},
		{`https://a[]bc]d\.example`, unknown, ""},
		{`https://a[-b]c\.example`, unknown, ""},
		{`https://a\pLc\.example`, unknown, ""},
		{`https://a\p{Greek}c\.example|https://d\.example`, "d.example", ""},
		{`https://a\dc\.example`, unknown, ""},
		{`https://a[[:digit:]]c\.example`, unknown, ""},
		{`https://a[^b]c\.example`, unknown, ""},
		{`https://[^\W_]shop\.com`, unknown, ""},
		{`https://shop[^\D]\.com`, unknown, ""},
		{`https://shop-[^[:^digit:]]\.vercel\.app`, unknown, ""},
		{`https://[^\PL]shop\.com`, unknown, ""},
		{`https://[^\x{e000}]shop\.com`, unknown, ""},
		{`https://[[:]?[a-z]shop\.com`, unknown, ""},
		{`https://a(?:b|[c])d\.example`, unknown, ""}, // the parser makes one class of them
		{`https://\w+\.\w+`, unknown, ""},
		{`https://[\x{212A}a-z]\.example\.com|https://.*\.\x{212A}\.com`, "*.example.com", ""}, // no browser sends the Kelvin sign
		{`https://(?:[a-z]{0,900}\.[a-z]){0,1}\.example\.com`, "*.example.com", ""},
	} {
		a := analyze(t, test.expr)
		if got := spell(a.Hosts("")); got != test.hosts {
			t.Errorf("%s: hosts %q, want %q", test.expr, got, test.hosts)
		}
		if got := spell(a.Hosts("http")); got != test.http {
			t.Errorf("%s: hosts by http %q, want %q", test.expr, got, test.http)
		}
		if a.Impossible() {
			t.Errorf("%s: impossible", test.expr)
		}
	}
}

func analyze(t *testing.T, expr string) *Analysis {
	t.Helper()
	re, err := CompileRegexp(expr)
	if err != nil {
		t.Fatal(err)
	}
	return re.Analyze()
}

// spell writes hosts as TestAnalyze has them.
func spell(h Hosts) string {
	if !h.Known {
		return "?"
	}
	all := slices.Clone(h.names)
	for _, domain := range h.domains {
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
		{`https://a\.example\.com:99999`, true},
		{`https://1\.2\.3\.256`, true},
		{`^http://127\.1$`, true},
		{`http://\[0:0:0:0:0:0:0:1\]:3000`, true},
		{`https://a\$b|https://b`, false},
		{`wss://app\.example\.com`, true},
		{`wss?://.*\.example\.com`, false},
		{`ftp://.*\.example\.com`, true},
		{`file://[a-z]+`, true},
		{`data://.*`, true},
	} {
		if got := analyze(t, test.expr).Impossible(); got != test.impossible {
			t.Errorf("%s: impossible %v", test.expr, got)
		}
	}
}

// TestAnalyzeBounds shows that what is too large is not told, after a bounded number
// of steps.
func TestAnalyzeBounds(t *testing.T) {
	for _, expr := range []string{
		`https://` + strings.Repeat(`(?:[a-z.]?){1000}`, 20),
		`.*://(?:(?:[ac]|[eg]|[ik]|[mo]|[qs]|[uw]|[y0]|[24]|[68])?){1000}`,
		`.*://(?:(?:aa|cc|ee|gg|ii|kk|mm|oo|qq|ss)?){1000}`,
		`https?://` + strings.Repeat(`(?:a?){1000}`, 3),
		`https://a?b?c?d?e?f?g?\.com`,
		`https://(?:ab?)*c\.com`,
	} {
		a := analyze(t, expr)
		if h := a.Hosts(""); h.Known || h.TooLarge == strings.Contains(expr, "[ac]") || a.Impossible() {
			t.Errorf("%.60s: %+v", expr, h)
		}
		if g := a.graph; g != nil && (len(g.nodes) > maxNodes || g.visits > maxVisits+len(originChars)*len(g.nodes)) {
			t.Errorf("%.60s: %d nodes, %d visits", expr, len(g.nodes), g.visits)
		}
	}
}

// TestAnalyzeManyNames shows that a list of names may be long, if it is spelled out.
func TestAnalyzeManyNames(t *testing.T) {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf(`customer-%d\.vercel\.app`, i))
	}
	if h := analyze(t, "https://("+strings.Join(names, "|")+")").Hosts(""); !h.Known || len(h.names) != 500 {
		t.Errorf("%d names, %+v", len(h.names), h)
	}
}

func TestHostsEnds(t *testing.T) {
	for expr, want := range map[string]string{
		`https://.*`:                                     `[""]`,
		`https://.*\.com`:                                `[".com"]`,
		`https://.*vercel\.app`:                          `["vercel.app"]`,
		`https://pr-[0-9]+\.vercel\.app(:\d+)?`:          `[".vercel.app"]`,
		`https://(?:.*shop\.com|pr-[0-9]+\.vercel\.app)`: `[".vercel.app" "shop.com"]`,
		`http://192\.168\.0\.\d+:3000`:                   `[]`,
		`https://app\.example\.com`:                      `[]`,
	} {
		h := analyze(t, expr).Hosts("")
		slices.Sort(h.Ends)
		if got := fmt.Sprintf("%q", h.Ends); got != want || h.Known != strings.Contains(expr, "app\\.example") {
			t.Errorf("%s: %s, known %v", expr, got, h.Known)
		}
	}
}

func TestHostsLoopback(t *testing.T) {
	for expr, loopback := range map[string]bool{
		`http://localhost:\d+`:                        true,
		`http://(.*\.)?localhost`:                     true,
		`http://127\.0\.0\.(1|2)|http://\[::1\]:3000`: true,
		`http://localhost|http://example\.com`:        false,
		`http://localhost|http://.*\.example\.com`:    false,
		`http://.*localhost`:                          false,
		`http://127\..*`:                              false,
		`https://example\.com`:                        true, // no host at all
		`http://localhost.*`:                          false,
	} {
		if got := analyze(t, expr).Hosts("http").Loopback(); got != loopback {
			t.Errorf("%s: %v", expr, got)
		}
	}
}
