package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
	"github.com/seed-9442523e/caddy-cors/bench/internal/repository"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

const (
	hello = "hello" // what `respond` answers, and the backend

	fileSize = 4 << 10
)

// lab is what all measurements need.
type lab struct {
	dir   string
	files string // the directory of what file_server serves

	caddy, nginx, haproxy, h2load, taskset string

	certificate, key, both string // paths of PEM files

	// The server that is measured has a core of its own; the generator and the backend
	// share another. Negative where there is but one.
	serverCore, loadCore int

	backend string // its address
	started []*process.Process
}

// MissingError tells that a program is not there.
type MissingError struct{ Program, Package string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing; on Debian: apt-get install %s", e.Program, e.Package)
}

// newLab finds the programs, builds Caddy and starts the backend.
func newLab(ctx context.Context) (_ *lab, err error) {
	l := &lab{serverCore: -1, loadCore: -1}
	if err := l.find(); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "servers"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	l.caddy = filepath.Join(l.dir, "caddy")
	if err := repository.BuildCaddy(ctx, l.caddy); err != nil {
		return nil, err
	}
	return l, l.prepare(ctx)
}

// find finds all programs, in the directory that is not in everybody's PATH too. The
// error names all that are missing.
func (l *lab) find() error {
	var missing []error
	for _, tool := range []struct {
		path    *string
		program string
		debian  string
	}{
		{&l.h2load, "h2load", "nghttp2-client"},
		{&l.nginx, "nginx", "nginx-light"},
		{&l.haproxy, "haproxy", "haproxy"},
		{&l.taskset, "taskset", "util-linux"},
	} {
		path, err := exec.LookPath(tool.program)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + tool.program)
		}
		if err != nil {
			missing = append(missing, &MissingError{tool.program, tool.debian})
		}
		*tool.path = path
	}
	return errors.Join(missing...)
}

// prepare writes what is served and starts the backend.
func (l *lab) prepare(ctx context.Context) error {
	if runtime.NumCPU() > 1 {
		l.serverCore, l.loadCore = 0, 1
	}
	l.files = filepath.Join(l.dir, "files")
	if err := os.Mkdir(l.files, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(l.files+path, bytes.Repeat([]byte("a"), fileSize), 0o600); err != nil {
		return err
	}
	var err error
	if l.certificate, l.key, err = corstest.WriteCertificate(l.dir); err != nil {
		return err
	}
	if l.both, err = l.join(l.certificate, l.key); err != nil {
		return err
	}
	if l.backend, err = corstest.FindAddress(); err != nil {
		return err
	}
	p, err := l.startNginx(l.loadCore, "server { listen "+l.backend+"; default_type text/plain; location / { return 200 "+hello+"; } }")
	if err != nil {
		return err
	}
	l.started = append(l.started, p)
	return p.Await(ctx, l.backend)
}

// join writes the text of files into one, as HAProxy wants its certificate and key.
func (l *lab) join(files ...string) (string, error) {
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		all = append(all, text...)
	}
	return l.write(string(all))
}

// write writes text to a new file, and returns its path.
func (l *lab) write(text string) (string, error) {
	file, err := os.CreateTemp(l.dir, "file")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return file.Name(), errors.Join(err, file.Close())
}

func (l *lab) pinned() bool { return l.serverCore >= 0 }

// close ends what still runs, and removes all files.
func (l *lab) close() {
	for _, p := range l.started {
		p.Stop()
	}
	_ = os.RemoveAll(l.dir)
}
