//go:build linux

package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// webkitLine is how MiniBrowser prints a line of the console: the place, if there is
// one, the source and the level, and the text.
var webkitLine = regexp.MustCompile(`(?m)^(?:\S+: )?CONSOLE (?:[A-Z]+ )*?(?:LOG|INFO|WARN|ERROR|DEBUG) (.*)$`)

// openWebKit starts WebKit's own small browser. It prints no console in private mode. It
// has no way to be told where hosts are, other than a proxy.
func openWebKit(t *testing.T, url string) *browser {
	t.Helper()
	program, _ := filepath.Glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
	if len(program) == 0 {
		leaveOut(t, "it needs WebKit's MiniBrowser: apt-get install webkit2gtk-driver")
	}
	dir, env := homeless(t)
	p := start(t, dir, append(env, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1"), find(t, "xvfb xauth", "xvfb-run"),
		"-a", program[0], "--ignore-tls-errors", "--ignore-host=localhost", "--ignore-host=*.localhost", "--proxy=http://"+serve(t, http.HandlerFunc(proxyHere)), "--enable-write-console-messages-to-stdout=1", url)
	return &browser{fetch.WebKit, p, func(*testing.T) []string {
		var lines []string
		for _, match := range webkitLine.FindAllStringSubmatch(p.output.String(), -1) {
			lines = append(lines, match[1])
		}
		return lines
	}}
}

// proxyHere is a proxy for which every host is this machine.
func proxyHere(w http.ResponseWriter, r *http.Request) {
	_, port, err := net.SplitHostPort(r.URL.Host)
	if err != nil {
		port = "80"
	}
	here := "127.0.0.1:" + port
	if r.Method != http.MethodConnect {
		proxy := httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Host, p.Out.Host = here, p.In.Host }}
		proxy.ServeHTTP(w, r)
		return
	}
	server, err := net.Dial("tcp", here)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	go func() { _, _ = io.Copy(server, buffered) }()
	_, _ = io.Copy(client, server)
}
