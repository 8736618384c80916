package sessions

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is a program that is run.
type program struct{ name, debianPackage string }

var (
	chromium = program{"chromium", "chromium"}
	node     = program{"node", "nodejs"}
	npm      = program{"npm", "npm"}
)

// path returns where the program is.
func (p program) path() (string, error) {
	path, err := exec.LookPath(p.name)
	if err != nil {
		return "", fmt.Errorf("it needs %s: apt-get install %s: %w", p.name, p.debianPackage, err)
	}
	return path, nil
}

// run runs a program in a directory to its end, and returns what it printed.
func run(ctx context.Context, dir string, p program, args ...string) (string, error) {
	path, err := p.path()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", p.name, strings.Join(args, " "), err, out, complaints.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// version returns what a program says of its version.
func version(ctx context.Context, p program) (string, error) { return run(ctx, "", p, "--version") }

// process is a program that goes on running, with all that it starts itself.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	text   bytes.Buffer
}

// start starts a program with a directory for all that it may want to keep.
func start(dir, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir,
		"XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_DATA_HOME="+dir)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Write takes what the program prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// stop ends the program, and what it has started.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}
