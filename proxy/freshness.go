package corsproxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// cacheControl are the directives of Cache-Control, by their names in lower case.
type cacheControl map[string]string

func (c cacheControl) has(name string) bool {
	_, ok := c[name]
	return ok
}

// directives reads Cache-Control (RFC 9111, section 5.2). It reports false where readers could
// differ: one directive has two values, its name is none, or there are quotes, in which a comma
// separates nothing.
func directives(h http.Header) (cacheControl, bool) {
	all := make(cacheControl)
	for _, line := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			name = strings.ToLower(name)
			if name == "" && value == "" {
				continue
			}
			if old, twice := all[name]; !fetch.IsToken(name) || strings.Contains(directive, `"`) || twice && old != value {
				return nil, false
			}
			all[name] = value
		}
	}
	return all, true
}

// lifetime returns for how long a response is fresh since it was made, if it says so (RFC 9111,
// section 4.2.1).
func lifetime(h http.Header, said cacheControl, now time.Time) time.Duration {
	for _, name := range []string{"s-maxage", "max-age"} {
		if value, ok := said[name]; ok {
			d, _ := seconds(value)
			return d
		}
	}
	if len(h["Expires"]) != 1 {
		return 0
	}
	expires, err := http.ParseTime(h["Expires"][0])
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, expires.Sub(now))
}

// ageOf returns how old a response is that has just come (RFC 9111, section 4.2.3).
func ageOf(h http.Header, asked, now time.Time) (time.Duration, bool) {
	age := now.Sub(asked)
	switch lines := h["Age"]; {
	case len(lines) == 1:
		told, ok := seconds(lines[0])
		if !ok {
			return 0, false
		}
		age += told
	case len(lines) > 1:
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		age = max(age, now.Sub(date).Truncate(time.Second)) // a Date has no parts of a second
	}
	return age, true
}

// seconds reads a number of seconds (RFC 9111, section 1.2.2).
func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return time.Duration(min(n, 1<<31)) * time.Second, err == nil
}
