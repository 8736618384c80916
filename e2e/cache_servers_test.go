//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// configure writes a config of caches/ to a directory of the test, with values in the
// place of names, and returns the directory and the file.
func configure(t *testing.T, name string, namesAndValues ...string) (dir, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("caches", name))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	file = filepath.Join(dir, name)
	writeFile(t, file, strings.NewReplacer(namesAndValues...).Replace(string(text)))
	return dir, file
}

// startNginx starts nginx as a cache of an upstream, and returns its address.
func startNginx(t *testing.T, upstream string) string {
	address := corstest.FreeAddress(t)
	dir, file := configure(t, "nginx.conf", "$LISTEN", address, "$UPSTREAM", upstream)
	start(t, dir, nil, find(t, "nginx-light", "nginx"), "-e", "stderr", "-p", dir, "-c", file).awaitSocket(t, "tcp", address)
	return address
}

// startVarnish starts Varnish as a cache of an upstream, and returns its address.
func startVarnish(t *testing.T, upstream string) string {
	host, port, _ := strings.Cut(upstream, ":")
	address := corstest.FreeAddress(t)
	dir, file := configure(t, "default.vcl", "$HOST", host, "$PORT", port)
	start(t, dir, nil, find(t, "varnish", "varnishd"), "-F", "-j", "none", "-n", dir, "-f", file, "-a", address, "-s", "malloc,16m").awaitSocket(t, "tcp", address)
	return address
}
