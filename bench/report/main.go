// Command report runs all benchmarks, and writes docs/benchmarks.md with its plots.
//
//	go -C bench run ./report
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seed-9442523e/caddy-cors/bench/internal/repository"
)

// logger says what is done. Caddy takes log's own for itself.
var logger = log.New(os.Stderr, "", log.Ltime)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := report(ctx, os.Args[1:]); err != nil {
		logger.Fatal(err)
	}
}

// report does what the arguments say.
func report(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "do everything once and short, to show that it works")
	out := flags.String("out", "", "directory for benchmarks.md and benchmarks/ (default the repository's docs)")
	only := flags.String("only", strings.Join(parts, ","), "parts to run")
	from := flags.String("from", "", "measure nothing, and make the page of this results.json")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if *out == "" {
		root, err := repository.Root(ctx)
		if err != nil {
			return err
		}
		*out = filepath.Join(root, "docs")
	}

	var r *Results
	var err error
	if *from != "" {
		r, err = read(*from)
	} else {
		r, err = measure(ctx, strings.Split(*only, ","), *quick)
	}
	if err != nil {
		return err
	}
	return r.write(*out)
}

// read reads results that [Results.write] wrote.
func read(file string) (*Results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Results)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// write writes the page, its plots, and the results that they are made of.
func (r *Results) write(dir string) error {
	plots := filepath.Join(dir, plotsDir)
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	for _, p := range r.plots() {
		if err := p.write(plots); err != nil {
			return err
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(plots, "results.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	file := filepath.Join(dir, "benchmarks.md")
	if err := os.WriteFile(file, []byte(r.page()), 0o644); err != nil {
		return err
	}
	logger.Printf("written: %s", file)
	return nil
}
