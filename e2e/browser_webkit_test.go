//go:build e2e

package e2e

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// webkitLine is how MiniBrowser prints a line of the console: the place, if there is
// one, the source and the level, and the text.
var webkitLine = regexp.MustCompile(`(?m)^(?:\S+: )?CONSOLE (?:[A-Z]+ )*?(?:LOG|INFO|WARN|ERROR|DEBUG) (.*)$`)

// openWebKit starts WebKit's own small browser. It prints no console in private mode.
func openWebKit(t *testing.T, url string) *browser {
	t.Helper()
	program, _ := filepath.Glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
	if len(program) == 0 {
		t.Fatal("this test needs WebKit's MiniBrowser: apt-get install webkit2gtk-driver")
	}
	dir, env := homeless(t)
	p := start(t, dir, append(env, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1"), find(t, "xvfb xauth", "xvfb-run"),
		"-a", program[0], "--ignore-tls-errors", "--enable-write-console-messages-to-stdout=1", url)
	return &browser{fetch.WebKit, p, func(*testing.T) []string {
		var lines []string
		for _, match := range webkitLine.FindAllStringSubmatch(p.output.String(), -1) {
			lines = append(lines, match[1])
		}
		return lines
	}}
}
