package source

import (
	"bytes"
	"os"
	"path/filepath"
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
