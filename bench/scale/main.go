// Command scale measures lists of origins that change while Caddy runs, and prints what
// docs/scale.md has of it.
//
//	go -C bench run ./scale
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
	"github.com/seed-9442523e/caddy-cors/bench/internal/repository"
	"github.com/seed-9442523e/caddy-cors/bench/page"
	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	quick := flag.Bool("quick", false, "do everything once and short, to show that it works")
	only := flag.String("only", "refresh,flood", "what to measure")
	flag.Parse()
	logger := log.New(os.Stderr, "", log.Ltime)
	tables, err := run(ctx, strings.Split(*only, ","), how.Options{Quick: *quick, Log: logger.Printf})
	if err != nil {
		logger.Fatal(err)
	}
	for _, t := range tables {
		fmt.Print(t)
	}
}

// run measures parts.
func run(ctx context.Context, parts []string, o how.Options) ([]page.Table, error) {
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l := &lab{dir: dir, caddy: filepath.Join(dir, "caddy"), options: o}
	if err := repository.BuildCaddy(ctx, l.caddy); err != nil {
		return nil, err
	}
	var tables []page.Table
	all := map[string]func(context.Context) (page.Table, error){"refresh": l.refresh, "flood": l.flood}
	for _, part := range parts {
		measure := all[part]
		if measure == nil {
			return nil, fmt.Errorf("there is no part %q", part)
		}
		t, err := measure(ctx)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// lab is what all measurements need.
type lab struct {
	dir     string
	caddy   string // the program
	options how.Options
}

// runCaddy runs a Caddy with one site of these lines, and returns its address. It is up when
// it answers.
func (l *lab) runCaddy(ctx context.Context, site string) (*process.Process, string, error) {
	address, err := corstest.FindAddress()
	if err != nil {
		return nil, "", err
	}
	config := "{\nadmin off\npersist_config off\nauto_https off\ndefault_bind 127.0.0.1\nstorage file_system " + l.dir + "/storage\n}\n" +
		"http://" + address + " {\n" + site + "\n}\n"
	file := filepath.Join(l.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, "", err
	}
	p, err := process.Start(l.dir, exec.Command(l.caddy, "run", "--adapter", "caddyfile", "--config", file))
	if err != nil {
		return nil, "", err
	}
	if err := p.Await(ctx, address); err != nil {
		p.Stop()
		return nil, "", err
	}
	return p, address, nil
}
