package caddycors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// What a policy grants to the origins that it matches: methods, request headers,
// response headers, and for how long.

const (
	defaultMaxAge = 10 * time.Minute
	longestMaxAge = 24 * time.Hour
)

var (
	defaultMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	defaultHeaders = []string{wildcard, headerAuthorization}

	// wordsForAll are what people write for "*".
	wordsForAll = []string{"all", "any"}
)

func (c *compiler) compileMethods(p *policy, values []string) {
	entries := c.expandList(optionAllowMethods, values)
	if values == nil {
		p.methods = defaultMethods
	} else if len(values) == 0 {
		c.fail(KindMissing, optionAllowMethods, 0, "", "an empty list would not be the default, nor nothing", `leave it out for the default, or write "GET"`)
	}
	for _, e := range entries {
		switch {
		case slices.Contains(wordsForAll, strings.ToLower(e.text)):
			c.fail(KindMalformed, optionAllowMethods, e.index, e.text, "this is not a method name", `for all methods, write "*"`)
		case e.text == none:
			c.fail(KindImpossible, optionAllowMethods, e.index, e.text, "GET, HEAD and POST always may be used", `write "GET" for these alone`)
		case e.text == wildcard:
			p.anyMethod = true
			if len(entries) > 1 {
				c.failAlone(optionAllowMethods, e)
			}
			continue
		case !fetch.IsToken(e.text):
			c.fail(KindMalformed, optionAllowMethods, e.index, e.text, "this is not a method name", `write it like "PUT"`)
		case fetch.IsForbiddenMethod(e.text):
			c.fail(KindImpossible, optionAllowMethods, e.index, e.text, "browsers let no page send this method", "take it out")
		case strings.EqualFold(e.text, "PATCH") && e.text != "PATCH":
			c.fail(KindImpossible, optionAllowMethods, e.index, e.text, "methods are case-sensitive, and browsers upper-case all common ones but this", `write "PATCH"`)
		}
		if method := fetch.NormalizeMethod(e.text); !slices.Contains(p.methods, method) {
			p.methods = append(p.methods, method)
		}
	}
	p.allowMethods = strings.Join(p.methods, ", ")
	if p.anyMethod {
		p.allowMethods = wildcard
	}
}

func (c *compiler) compileHeaders(p *policy, values []string) {
	entries := c.expandList(optionAllowHeaders, values)
	if values == nil {
		for _, name := range defaultHeaders {
			entries = append(entries, entry{text: name})
		}
	} else if len(values) == 0 {
		c.fail(KindMissing, optionAllowHeaders, 0, "", "an empty list would not be the default, nor nothing", `leave it out for the default, or write "none"`)
	}
	var names []string
	p.headers = make(map[string]struct{})
	for _, e := range entries {
		switch {
		case e.text == none:
			if len(entries) > 1 {
				c.failAlone(optionAllowHeaders, e)
			}
			continue
		case e.text == wildcard:
			p.anyHeader = true
		case c.failedName(optionAllowHeaders, e, "Content-Type"):
		case fetch.IsForbiddenRequestHeader(e.text):
			c.fail(KindImpossible, optionAllowHeaders, e.index, e.text, "browsers let no page set this header", "take it out")
		}
		lower := strings.ToLower(e.text)
		if _, ok := p.headers[lower]; !ok {
			p.headers[lower] = struct{}{}
			names = append(names, e.text)
		}
	}
	if p.anyHeader {
		_, p.authorization = p.headers[strings.ToLower(headerAuthorization)]
		for _, e := range entries {
			if e.text != wildcard && !strings.EqualFold(e.text, headerAuthorization) {
				c.fail(KindConflict, optionAllowHeaders, e.index, e.text, `"*" has every header but Authorization`, "take out one of the two")
			}
		}
	}
	p.allowHeaders = strings.Join(names, ", ")
}

func (c *compiler) compileExposed(p *policy, values []string) {
	entries := c.expandList(optionExposeHeaders, values)
	var names []string
	for _, e := range entries {
		switch {
		case e.text == wildcard:
			if len(entries) > 1 {
				c.failAlone(optionExposeHeaders, e)
			}
			if p.credentials {
				p.exposeAll = true
				continue
			}
		case e.text == none:
			c.fail(KindMalformed, optionExposeHeaders, e.index, e.text, "this is not a header name", "leave the option out to expose none")
		case c.failedName(optionExposeHeaders, e, "X-Total-Count"):
		case fetch.IsForbiddenResponseHeader(e.text):
			c.fail(KindImpossible, optionExposeHeaders, e.index, e.text, "browsers let no page read this header", "take it out")
		}
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, e.text) }) {
			names = append(names, e.text)
		}
	}
	p.exposeHeaders = strings.Join(names, ", ")
}

// failedName refuses what is not the name of a header, and reports whether it did.
func (c *compiler) failedName(option string, e entry, example string) bool {
	switch {
	case slices.Contains(wordsForAll, strings.ToLower(e.text)):
		c.fail(KindMalformed, option, e.index, e.text, "this is not a header name", `for all headers, write "*"`)
	case !fetch.IsToken(e.text):
		c.fail(KindMalformed, option, e.index, e.text, "this is not a header name", fmt.Sprintf("write it like %q", example))
	case strings.Contains(e.text, wildcard):
		c.fail(KindImpossible, option, e.index, e.text, `browsers know no "*" inside a name`, `name each header, or write "*" alone`)
	default:
		return false
	}
	return true
}

func (c *compiler) failAlone(option string, e entry) {
	c.fail(KindConflict, option, e.index, e.text, fmt.Sprintf("%q stands alone", e.text), "take it out, or all other values")
}

// compileMaxAge returns the value of Access-Control-Max-Age, in seconds.
func (c *compiler) compileMaxAge(value string) string {
	switch value {
	case "":
		return seconds(defaultMaxAge)
	case maxAgeOff:
		return seconds(0)
	}
	d, err := caddy.ParseDuration(value)
	if strings.Trim(value, "0123456789") == "" {
		if d, err = time.ParseDuration(value + "s"); err != nil {
			d = longestMaxAge // more than a duration can hold
		}
		c.fail(KindMalformed, optionMaxAge, 0, value, "a duration has a unit", fmt.Sprintf("write %q", nearestMaxAge(d)))
		return ""
	}
	switch {
	case err != nil:
		c.fail(KindMalformed, optionMaxAge, 0, value, "this is not a duration", `write it like "10m", or "off"`)
	case d < time.Second:
		c.fail(KindMalformed, optionMaxAge, 0, value, "the shortest duration is 1s", `write "off" for none`)
	case d > longestMaxAge:
		c.fail(KindMalformed, optionMaxAge, 0, value, "no browser keeps the answer to a preflight for longer than 24h", `write "24h"`)
	case d%time.Second != 0:
		c.fail(KindMalformed, optionMaxAge, 0, value, "browsers count whole seconds", fmt.Sprintf("write %q", nearestMaxAge(d)))
	}
	return seconds(d)
}

// nearestMaxAge returns what to write for d.
func nearestMaxAge(d time.Duration) string {
	switch {
	case d < time.Second:
		return maxAgeOff
	case d > longestMaxAge:
		return "24h"
	}
	return seconds(d) + "s"
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// varyOfPreflight returns what the answer to an allowed preflight depends on.
func (p *policy) varyOfPreflight() string {
	vary := headerOrigin
	if p.credentials && p.anyMethod {
		vary += ", " + headerRequestMethod
	}
	if p.credentials && p.anyHeader {
		vary += ", " + headerRequestHeaders
	}
	return vary
}
