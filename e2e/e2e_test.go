//go:build linux

package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	// Go keeps results of tests, and should forget them if the module has changed.
	_ "github.com/seed-9442523e/caddy-cors"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// caddyBinary is the Caddy of cmd/caddy, built for this run.
var caddyBinary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	flag.Parse()
	if testing.Short() {
		fmt.Println("LEFT OUT are all tests of this package, as -short asks.")
		return 0
	}
	dir, err := os.MkdirTemp("", "caddy-cors")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	caddyBinary = filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", caddyBinary, "../cmd/caddy").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building Caddy: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if packages := leftOut.String(); packages != "" {
		fmt.Printf("LEFT OUT is what needs programs that are not here:\n%s", packages)
	}
	return code
}

// leftOut has a line for each test that was left out.
var leftOut lockedBuffer

// leaveOut skips a test for want of something, and says so at the end of the run. In
// CI, the test fails.
func leaveOut(t *testing.T, want string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(want)
	}
	fmt.Fprintf(&leftOut, "\t%s: %s\n", t.Name(), want)
	t.Skip(want)
}

// find returns the path of a program, in the directories that are not in everybody's
// PATH too. Where it is missing, the test is left out.
func find(t *testing.T, debianPackage string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		if matches, _ := filepath.Glob("/usr/sbin/" + name); len(matches) > 0 {
			return matches[0]
		}
	}
	leaveOut(t, fmt.Sprintf("it needs %s: apt-get install %s", strings.Join(names, " or "), debianPackage))
	return ""
}

// process is a program that a test started. It ends with the test, with all that it
// started itself, and its output is shown if the test failed.
type process struct {
	*exec.Cmd
	output lockedBuffer
	exited chan struct{}
}

// start starts a program. Variables are added to the environment.
func start(t *testing.T, dir string, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.Dir = dir
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = &p.output, &p.output
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(program), p.output.String())
		}
	})
	return p
}

// stop asks the program to end, and makes it and what it has started.
func (p *process) stop() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// awaitSocket waits until something listens on an address, or at the path of a socket.
func (p *process) awaitSocket(t *testing.T, network, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.exited:
			t.Fatalf("%s ended by itself:\n%s", p.Path, p.output.String())
		default:
		}
		if conn, err := net.Dial(network, address); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("%s does not listen on %s:\n%s", p.Path, address, p.output.String())
}

// lockedBuffer is a buffer that several goroutines may write to.
type lockedBuffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

// caddyServer is a running Caddy with this module.
type caddyServer struct {
	*process
	admin *corstest.Client
}

// startCaddy starts Caddy with a Caddyfile that has no global options; options has
// those that the test wants, env what its environment has more.
func startCaddy(t *testing.T, options, caddyfile string, env ...string) *caddyServer {
	t.Helper()
	dir := t.TempDir()
	admin := corstest.NewClient(t, corstest.FreeAddress(t))
	config := filepath.Join(dir, "Caddyfile")
	if !strings.Contains(options, "auto_https ") {
		options += "\nauto_https off"
	}
	text := "{\nadmin " + admin.Address + "\npersist_config off\ndefault_bind 127.0.0.1\nskip_install_trust\n" +
		"storage file_system " + dir + "\n" + options + "\n}\n" + caddyfile
	writeFile(t, config, text)
	p := start(t, dir, append(env, "HOME="+dir), caddyBinary, "run", "--config", config)
	p.awaitSocket(t, "tcp", admin.Address)
	server := &caddyServer{p, admin}
	// The admin endpoint listens before the sites do; its config is there after them.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r, err := admin.Try("GET /config/apps/http"); err == nil && r.StatusCode == http.StatusOK && strings.TrimSpace(r.Text) != "null" {
			return server
		}
		if time.Now().After(deadline) {
			t.Fatalf("Caddy does not start:\n%s", p.output.String())
		}
	}
}

// serve serves a handler of the test's own until it ends, and returns its address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // It serves the test alone.
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
