package source

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() {
	moreSpoils["a pipe"] = func(t *testing.T, path string) {
		remove(t, path)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileThatCannotBeRead shows that a file which may not be read is read when it may, though
// nothing else of it changes.
func TestFileThatCannotBeRead(t *testing.T) {
	if os.Getuid() == 0 { // who may read all
		asNobody(t)
		return
	}
	path := filepath.Join(t.TempDir(), "origins.txt")
	large := strings.Repeat("# a comment\n", smallFile/10)
	write(t, path, a+"\n"+large)
	f, err := openFile(t, path, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".new", b+"\n"+large)
	if err := errors.Join(os.Chmod(path+".new", 0), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	wantStill(t, f, a)
	if s := f.Status(); s.Failures != 1 {
		t.Errorf("its status is %+v", s)
	}
	if _, err := openFile(t, path, Rules{}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the error is %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	wantSoon(t, f, b, a)
}

// asNobody runs the test as a user who may do nothing in particular.
func asNobody(t *testing.T) {
	dir := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "test"), program, 0o755) //nolint:gosec // It is for others.
	}
	if err := errors.Join(err, os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o755)); err != nil { //nolint:gosec // It is for others.
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(dir, "test"), "-test.run=^"+t.Name()+"$", "-test.v")
	command.Dir, command.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFileOnAFullDisk shows that a list that could not be written in full is not taken.
func TestFileOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("mounting a small file system takes root")
		}
		t.Skip("mounting a small file system takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "origins.txt")
	write(t, path, a+"\n")
	f, err := openFile(t, path, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("https://b.example\nhttps://c.example.org:8443\n"), 10_000)
	if err := os.WriteFile(path, large, 0o600); err == nil {
		t.Fatal("there was room for the list")
	}
	wantStill(t, f, a)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	wantStill(t, f, a)
	write(t, path, c+"\n")
	wantSoon(t, f, c, a)
}
