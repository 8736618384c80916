package caddycors

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

const (
	filePrefix = "file."

	// maxFileBytes is how much Caddy reads of the file that a placeholder names. What
	// is beyond that it leaves out without a word, which could cut an origin short.
	maxFileBytes = 1 << 20
)

// Placeholders whose value is known when a config loads. All others stand for
// something of a request.
var loadTimePrefixes = []string{"env.", filePrefix, "system."}

var (
	placeholder         = regexp.MustCompile(`\{[^{}]*\}`)
	loadTimePlaceholder = regexp.MustCompile(`\{(?:env|file|system)\.[^{}]*\}`)
)

// entry is one value of an option, after placeholders were replaced.
type entry struct {
	text  string
	index int    // of the value it comes from
	from  string // that value, if it has placeholders
}

// expandList replaces the placeholders in the values of an option. A value with
// placeholders may come to several entries, split at commas and white space.
func (c *compiler) expandList(option string, values []string) []entry {
	entries := make([]entry, 0, len(values))
	for i, value := range values {
		if strings.IndexByte(value, '{') < 0 || !placeholder.MatchString(value) {
			entries = append(entries, entry{text: value, index: i})
			continue
		}
		text, ok := c.expand(option, i, value, placeholder, func(s string) string { return s })
		if !ok {
			continue
		}
		for _, part := range strings.FieldsFunc(text, isSeparator) {
			entries = append(entries, entry{part, i, value})
		}
	}
	return entries
}

// expandRegex replaces the load-time placeholders in a regular expression by their
// quoted value. Other braces belong to the expression.
func (c *compiler) expandRegex(index int, expr string) (string, bool) {
	if !loadTimePlaceholder.MatchString(expr) {
		return expr, true
	}
	return c.expand(optionAllowOriginRegex, index, expr, loadTimePlaceholder, regexp.QuoteMeta)
}

// expand replaces what braces matches in value. It reports false if there is nothing
// to go on with: something is wrong, or a Caddyfile is being adapted, and the values
// are those of the machine that loads it.
func (c *compiler) expand(option string, index int, value string, braces *regexp.Regexp, quote func(string) string) (string, bool) {
	ok := true
	text := braces.ReplaceAllStringFunc(value, func(match string) string {
		key := match[1 : len(match)-1]
		if !slices.ContainsFunc(loadTimePrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			fix := "only {env.*}, {file.*} and {system.*} do"
			if key != "" && !strings.Contains(key, ".") {
				fix += "; for an environment variable, write {env." + key + "}"
			}
			c.fail(KindPlaceholder, option, index, value, "the placeholder "+match+" has no value when the config loads", fix)
			ok = false
			return ""
		}
		if c.replacer == nil {
			c.waits = true
			ok = false
			return ""
		}
		val, known := c.replacer.Get(key)
		replaced := caddy.ToString(val)
		if !known || strings.TrimFunc(replaced, isSeparator) == "" {
			c.fail(KindPlaceholder, option, index, value, "the placeholder "+match+" is unknown or empty", "set it, or take it out")
			ok = false
			return ""
		}
		if strings.HasPrefix(key, filePrefix) && len(replaced) >= maxFileBytes-len("\r\n") {
			c.fail(KindPlaceholder, option, index, value, "the file of "+match+" may be longer than the 1 MiB that Caddy reads of it", "take a shorter one")
			ok = false
			return ""
		}
		return quote(replaced)
	})
	return text, ok
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }
