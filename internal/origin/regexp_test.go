package origin

import (
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

func TestRegexpMatches(t *testing.T) {
	for _, test := range []struct{ expr, matches, others string }{
		{`https://app\.example\.com`, "https://app.example.com", "https://app.example.com:8443 https://app.example.com.evil.example https://xapp.example.com http://app.example.com"},
		{`https://a\.example|https://b\.example`, "https://a.example https://b.example", "https://a.example.evil.example https://a.exampleb.example"},
		{`(?m)^https://a\.example$`, "https://a.example", "https://a.example."},
		{`https://pr-[0-9]+\.example\.net`, "https://pr-1.example.net https://pr-007.example.net", "https://pr-.example.net https://pr-x.example.net https://pr-1.example.net:1"},
		{`.*`, "https://a.example http://[::1]:3", "null file://"},
		{`\Qhttps://a.example`, "https://a.example", "https://axexample"},
		{`null|file://|https://a\.example`, "https://a.example", "null file://"},
	} {
		re, err := CompileRegexp(test.expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.Fields(test.matches + " " + test.others) {
			if got, want := re.Matches(mustParseOrigin(t, s)), slices.Contains(strings.Fields(test.matches), s); got != want {
				t.Errorf("%s matches %q: %v", test.expr, s, got)
			}
		}
	}
}

func TestCompileRegexpRefuses(t *testing.T) {
	for _, expr := range []string{`(`, `a)|(b`, `(?=a)`, `[b-a]`, `a**`, `\8`} {
		if _, err := CompileRegexp(expr); err == nil {
			t.Errorf("%s compiles", expr)
		}
	}
	// Alone it is as large as an expression may be, and the anchors make it larger.
	var large string
	for n := 900; ; n++ {
		expr := strings.Repeat("(", n) + strings.Repeat(")", n)
		if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
			break
		}
		large = expr
	}
	if _, err := CompileRegexp(large); err == nil {
		t.Error("an expression that is too deep with its anchors compiles")
	}
}

func TestRegexpOpaque(t *testing.T) {
	for expr, want := range map[string]string{
		`null`: Null, `null|https://a\.example`: Null, `(?:file://|https://a\.example)`: File, `(https?|file)://.*`: File,
		`.*`: "", `[a-z]+`: "", `https://a\.example`: "", `[a-z]+://.*`: "",
	} {
		re, err := CompileRegexp(expr)
		if err != nil || re.Opaque() != want {
			t.Errorf("%s: %q, %v", expr, re.Opaque(), err)
		}
	}
}

func TestUnescapedDots(t *testing.T) {
	for expr, escaped := range map[string]string{
		`https://app.example.com`:           `https://app\.example\.com`,
		`https://app\.example.com`:          `https://app\.example\.com`,
		`https://app\.example\.com`:         `https://app\.example\.com`,
		`https://.*\.example\.com`:          `https://.*\.example\.com`,
		`https://.*.example\.com`:           `https://.*\.example\.com`,
		`https://[a-z]+.example\.com`:       `https://[a-z]+\.example\.com`,
		`https://(a|b).(example|test)\.com`: `https://(a|b)\.(example|test)\.com`,
		`https://a{2}.[a-z]\.com`:           `https://a{2}\.[a-z]\.com`,
		`https://[a.b]+\.com`:               `https://[a.b]+\.com`,
		`https://[]a.b]x.y`:                 `https://[]a.b]x\.y`,
		`https://[^]a.b]x.y`:                `https://[^]a.b]x\.y`,
		`https://[[:alpha:]a.b]x.y`:         `https://[[:alpha:]a.b]x\.y`,
		`https://[\]a.b]x.y`:                `https://[\]a.b]x\.y`,
		`\Qhttps://a.b\Ec.d`:                `\Qhttps://a.b\Ec\.d`,
		`\Qhttps://a.b`:                     `\Qhttps://a.b`,
		`https://pr-.\.example\.com`:        `https://pr-.\.example\.com`,
		`https://pr-.+-x\.example\.com`:     `https://pr-.+-x\.example\.com`,
		`.a`:                                `.a`,
		`a\`:                                `a\`,
		`[`:                                 `[`,
		`a.\p`:                              `a\.\p`,
		`a.\p{`:                             `a\.\p{`,
		`(www.)?example\.com`:               `(www\.)?example\.com`,
		`(app.|www.|)example\.com`:          `(app\.|www\.|)example\.com`,
		`[a-z]+(.example\.com)`:             `[a-z]+(\.example\.com)`,
		`[a-z]+(?:.example|.x)\.com`:        `[a-z]+(?:\.example|\.x)\.com`,
		`(?i)a.b(?P<n>.c)(.)(.+)(?s:.*)`:    `(?i)a\.b(?P<n>\.c)(.)(.+)(?s:.*)`,
		`[^^]+.example\.com`:                `[^^]+\.example\.com`,
		`(.*.)?example\.com`:                `(.*\.)?example\.com`,
		`app.\w+\.example\.com`:             `app\.\w+\.example\.com`,
		`[a-z]+.\d+.example\.com`:           `[a-z]+\.\d+\.example\.com`,
		`\d.\pN.x`:                          `\d\.\pN\.x`,
		`a\.example.$`:                      `a\.example\.$`,
		`a\.example.`:                       `a\.example\.`,
		`app.{1}example\.com`:               `app.{1}example\.com`,
	} {
		if got := EscapeDots(expr, UnescapedDots(expr)); got != escaped {
			t.Errorf("%s escaped: %s, want %s", expr, got, escaped)
		}
	}
}

// FuzzAnalyze holds what is told of an expression against origins that it matches,
// made by walking through the expression as choices says.
func FuzzAnalyze(f *testing.F) {
	for _, expr := range []string{
		`https://app\.example\.com`, `https?://(app|admin)\.example\.com(:[0-9]+)?`, `https://.*\.example\.com`, `https://.*example\.com`,
		`http://localhost:\d+|https://.*\.example\.(com|org)`, `(?i)HTTPS://[K-Z]+\.example\.com`, `https://([a-z]+\.)*example\.co\.uk`,
		`http://\[::[0-9a-f]{1,4}\]:.*`, `^https://a\.b$`, `https://.*\.amazonaws\.com`, `.*`, `https://[^.]+\.github\.io`,
		`[a-z+.-]+://[a-z_.-]*(:\d*)?`, `https://a\.example\.com\.?(:443)?`, `http://.*\.0\.1`, `https://(?:[ac][eg])*\.example`,
		`https://[^\W_]shop\.com`, `https://[[:]?[a-z]shop\.com`, `https://[]-a]x\pL\p{Greek}[-a]\.com`, `\Qa.b\E[[:^alpha:]_]\.com`, `(?i:[K])\.com`,
	} {
		f.Add(expr, []byte("0123456789abcdefghijklmnopqrstuvwxyz"))
		f.Add(expr, []byte("\x00\xff\x00\xff\x01\x02\x03\x80\x80\x80\x80\x80\x80\x80\x80\x80"))
	}
	f.Fuzz(func(t *testing.T, expr string, choices []byte) {
		if len(expr) > 200 {
			return
		}
		re, err := CompileRegexp(expr)
		if err != nil {
			return
		}
		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatalf("CompileRegexp(%q) succeeds, but %v", expr, err)
		}
		source := ""
		for _, p := range pieces(expr) {
			source += p.text
		}
		if _, err := syntax.Parse(markClasses(expr), syntax.Perl); source != expr || err != nil {
			t.Fatalf("the pieces of %q are %q, and marked it is %q, %v", expr, source, markClasses(expr), err)
		}
		a := re.Analyze()
		impossible, hosts, httpHosts := a.Impossible(), a.Hosts(""), a.Hosts("http")
		for _, domain := range hosts.domains {
			if _, err := publicsuffix.EffectiveTLDPlusOne(domain); err != nil && domain != "localhost" {
				t.Fatalf("%q: the domain %q has no owner", expr, domain)
			}
		}
		for range 20 {
			var s strings.Builder
			sample(parsed, &s, &choices)
			o, ok := Parse(s.String())
			if !ok || !re.Matches(o) {
				continue
			}
			if impossible && checkScheme(o.Scheme(), "", "") == nil { // else no page has it
				t.Fatalf("%q matches %q, but is said to match nothing", expr, o)
			}
			if !covers(hosts, o.Host()) || o.Scheme() == "http" && !covers(httpHosts, o.Host()) {
				t.Fatalf("%q matches %q, but its hosts are said to be %+v, by http %+v", expr, o, hosts, httpHosts)
			}
		}
	})
}

func covers(h Hosts, host string) bool {
	bare := strings.TrimSuffix(host, ".")
	return !h.Known || slices.Contains(h.names, host) ||
		slices.ContainsFunc(h.domains, func(domain string) bool { return strings.HasSuffix(bare, "."+domain) })
}

// sample writes a string that re matches, if its assertions let it, and takes a byte
// of choices for each choice it has.
func sample(re *syntax.Regexp, s *strings.Builder, choices *[]byte) {
	choose := func(n int) int {
		if len(*choices) == 0 || n < 2 || s.Len() > maxLength {
			return 0
		}
		c := (*choices)[0]
		*choices = (*choices)[1:]
		return int(c) % n
	}
	repeat := func(least, most int) {
		for range least + choose(most-least+1) {
			sample(re.Sub[0], s, choices)
		}
	}
	const plain = "aeiokz09-_.:/[]+"
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 {
				r = []rune(strings.ToLower(string(r)))[0]
			}
			s.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return
		}
		i := 2 * choose(len(re.Rune)/2)
		lo, hi := re.Rune[i], re.Rune[i+1]
		s.WriteRune(lo + rune(choose(int(min(hi-lo, 255))+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		s.WriteByte(plain[choose(len(plain))])
	case syntax.OpCapture:
		sample(re.Sub[0], s, choices)
	case syntax.OpStar:
		repeat(0, 6)
	case syntax.OpPlus:
		repeat(1, 6)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		most := re.Max
		if most < 0 {
			most = re.Min + 3
		}
		if re.Min <= maxLength {
			repeat(re.Min, most)
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			sample(sub, s, choices)
		}
	case syntax.OpAlternate:
		sample(re.Sub[choose(len(re.Sub))], s, choices)
	}
}
