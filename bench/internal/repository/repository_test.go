package repository_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-9442523e/caddy-cors/bench/internal/repository"
)

func TestRoot(t *testing.T) {
	root, err := repository.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "cmd", "caddy", "main.go")); err != nil {
		t.Error(err)
	}
}

func TestRootElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	if root, err := repository.Root(t.Context()); err == nil {
		t.Errorf("the root is %s", root)
	}
}
