package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/bench/handlers"
	"github.com/seed-9442523e/caddy-cors/bench/internal/how"
	"github.com/seed-9442523e/caddy-cors/bench/servers"
	"github.com/seed-9442523e/caddy-cors/bench/sessions"
	"github.com/seed-9442523e/caddy-cors/bench/size"
)

// Results are those of one run. What was not run is nil.
type Results struct {
	Date    time.Time
	Command string
	Quick   bool
	Machine Machine

	Handlers *handlers.Result
	Size     *size.Result
	Servers  *servers.Result
	Sessions *sessions.Result
}

// parts are what can be run by itself, in the order in which all of it is run.
var parts = []string{"handlers", "size", "servers", "sessions"}

// measure runs some of the parts.
func measure(ctx context.Context, only []string, quick bool) (*Results, error) {
	r := &Results{Date: time.Now().UTC(), Command: command(only, quick), Quick: quick}
	for _, part := range only {
		if !slices.Contains(parts, part) {
			return nil, fmt.Errorf("-only %s: there are %s", part, strings.Join(parts, ", "))
		}
	}
	var err error
	if r.Machine, err = describe(ctx); err != nil {
		return nil, err
	}
	for _, part := range parts {
		if err == nil && slices.Contains(only, part) {
			logger.Print(part)
			err = r.run(ctx, part)
		}
	}
	return r, err
}

// run runs one part.
func (r *Results) run(ctx context.Context, part string) (err error) {
	o := how.Options{Quick: r.Quick, Log: logger.Printf}
	switch part {
	case "handlers":
		r.Handlers, err = handlers.Run(ctx, o)
	case "size":
		r.Size, err = size.Run(ctx, o)
	case "servers":
		r.Servers, err = servers.Run(ctx, o)
	case "sessions":
		r.Sessions, err = sessions.Run(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	return nil
}

// command returns what to type for such a run.
func command(only []string, quick bool) string {
	words := "go -C bench run ./report"
	if quick {
		words += " -quick"
	}
	if len(only) < len(parts) {
		words += " -only " + strings.Join(only, ",")
	}
	return words
}
