//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// npmInstall copies a directory to an empty one, and installs the packages there that its
// package-lock.json names.
func npmInstall(dir, from string) error {
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return err
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// express returns what starts the Express servers. Their packages are installed once,
// in a directory of the test.
func express(t *testing.T) func(way string) func(*testing.T) string {
	dir := t.TempDir()
	install := sync.OnceValue(func() error { return npmInstall(dir, "backends/express") })
	return func(way string) func(*testing.T) string {
		return func(t *testing.T) string {
			find(t, "npm", "npm")
			if err := install(); err != nil {
				leaveOut(t, err.Error())
			}
			address := corstest.FreeAddress(t)
			_, port, _ := strings.Cut(address, ":")
			start(t, dir, []string{"PORT=" + port}, find(t, "nodejs", "node"), "server.js", way).awaitSocket(t, "tcp", address)
			return address
		}
	}
}

// phpSettings are those of a production server, whatever this machine's are: the text
// of an uncaught exception is not shown, which would make it a 200.
var phpSettings = []string{"-n", "-d", "display_errors=0"}

// startPHP starts PHP's own web server.
func startPHP(t *testing.T) string {
	t.Helper()
	address := corstest.FreeAddress(t)
	start(t, "backends/php", nil, find(t, "php-cli", "php"), append(phpSettings, "-S", address)...).awaitSocket(t, "tcp", address)
	return address
}

// startFPM starts PHP's process manager, on a port or on a Unix socket.
func startFPM(network string) func(*testing.T) string {
	return func(t *testing.T) string {
		dir := t.TempDir()
		address := filepath.Join(dir, "socket")
		upstream := "unix/" + address
		if network == "tcp" {
			address = corstest.FreeAddress(t)
			upstream = address
		}
		config := filepath.Join(dir, "fpm.conf")
		// FPM wants a user if it runs as root, and ignores it else.
		text := "[global]\nerror_log = /proc/self/fd/2\n" +
			"[pool]\nuser = root\nlisten = " + address + "\npm = static\npm.max_children = 2\n"
		writeFile(t, config, text)
		start(t, dir, nil, find(t, "php-fpm", "php-fpm*"), append(phpSettings, "-F", "-R", "-y", config)...).awaitSocket(t, network, address)
		return upstream
	}
}

// startDjango starts Django's own web server, with the packages of Debian's Python.
func startDjango(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import django, corsheaders").CombinedOutput(); err != nil {
		leaveOut(t, fmt.Sprintf("it needs Django: apt-get install python3-django python3-django-cors-headers\n%v\n%s", err, out))
	}
	address := corstest.FreeAddress(t)
	start(t, "backends/django", nil, python, "app.py", "runserver", "--noreload", address).awaitSocket(t, "tcp", address)
	return address
}

// startASPNET starts a server that does what Application_BeginRequest does in many
// ASP.NET applications: a header is added to all responses, and every OPTIONS is
// answered. In front of it, IIS adds the customHeaders of web.config to some.
func startASPNET(t *testing.T) string {
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Access-Control-Allow-Origin", "*")
		if r.URL.Path == "/twice" {
			h.Add("Access-Control-Allow-Origin", "*")
		}
		switch {
		case r.URL.Path == "/abort":
			panic(http.ErrAbortHandler) // no answer at all
		case r.Method == http.MethodOptions:
			h.Add("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Add("Access-Control-Allow-Headers", "Content-Type, Accept")
			h.Add("Access-Control-Max-Age", "1728000")
		case r.URL.Path == "/throw":
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/missing":
			w.WriteHeader(http.StatusNotFound)
		}
	}))
}
