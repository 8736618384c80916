package source

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// What all kinds of sources have to read and to check of their options.

// unmarshalDuration reads the value of an option that is a duration.
func unmarshalDuration(d *caddyfile.Dispenser, value *caddy.Duration) error {
	option := d.Val()
	if *value != 0 {
		return d.Errf("%s is given twice; take one out", option)
	}
	var text string
	if !d.AllArgs(&text) {
		return d.Errf("%s: it takes one value, such as 30s", option)
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("%s %q: this is not a duration; write it like 30s or 5m", option, text)
	}
	*value = caddy.Duration(duration)
	if duration == 0 {
		return d.Errf("%s %q: leave it out for the default", option, text)
	}
	return nil
}

// checkDuration refuses a duration that is too short.
func checkDuration(option string, value caddy.Duration, least time.Duration) error {
	if time.Duration(value) < least {
		return fmt.Errorf("%s %q: the shortest is %s", option, time.Duration(value), least)
	}
	return nil
}

// expand replaces the placeholders of an option that is needed.
func expand(option, value string) (string, error) {
	if value == "" {
		return "", fmt.Errorf("%s is missing", option)
	}
	expanded, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err) // without the value, which may have a secret
	}
	return expanded, nil
}
