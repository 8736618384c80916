// Package repository finds what the benchmarks take from the rest of the repository.
package repository

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root returns the top directory of the repository, from any directory of this module.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	module := filepath.Dir(strings.TrimSpace(string(out)))
	if filepath.Base(module) != "bench" {
		return "", fmt.Errorf("%s is not the module of the benchmarks: run it with go -C bench", module)
	}
	return filepath.Dir(module), nil
}

// BuildCaddy builds Caddy with the module, as the repository is now, into a file.
func BuildCaddy(ctx context.Context, file string) error {
	root, err := Root(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, "./cmd/caddy")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building Caddy: %w\n%s", err, out)
	}
	return nil
}
