package caddycors

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// Adapting a Caddyfile loses its lines. They are found again by what stands there.

// caddyfileLines are the directives of a Caddyfile that explain has to do with. The zero
// value is that of a config in another form, and knows no lines.
type caddyfileLines struct {
	directives []caddyfileDirective
}

// caddyfileDirective is a directive at any depth of a site.
type caddyfileDirective struct {
	tokens  caddyfile.Segment
	fitness int             // how well its site fits the URL; the site of another host is 0
	config  []byte          // of cors, the handler in JSON
	reader  *positionReader // of cors, where its values stand
}

// soughtDirectives are the directives whose lines are told.
var soughtDirectives = []string{
	"abort", "basic_auth", "basicauth", "cors", "cors_proxy", "error", "file_server", "forward_auth", "header", "php_fastcgi", "redir", "respond", "reverse_proxy",
}

// readCaddyfile finds the directives of a Caddyfile, and which of them may be for the
// URL. Its imports are read, and its variables replaced, as when it is adapted.
func readCaddyfile(file string, text []byte, p pageRequest) (caddyfileLines, error) {
	blocks, err := caddyfile.Parse(file, text)
	if err != nil {
		return caddyfileLines{}, err
	}
	var lines caddyfileLines
	for _, block := range blocks {
		fitness := siteFitness(block, p)
		for _, segment := range block.Segments {
			lines.add(segment, fitness)
		}
	}
	return lines, nil
}

// siteFitness tells how well the addresses of a site fit the URL: 3 if one names its
// host, 2 if one matches it, 1 for a named route, 0 if none fits.
func siteFitness(block caddyfile.ServerBlock, p pageRequest) (fitness int) {
	if block.IsNamedRoute {
		return 1
	}
	for _, key := range block.GetKeysText() {
		address, err := httpcaddyfile.ParseAddress(strings.TrimSuffix(key, ","))
		if err != nil || address.Scheme != "" && address.Scheme != p.url.Scheme {
			continue
		}
		port := p.url.Port()
		if address.Port != "" && address.Port != port && (port != "" || address.Port != "80" && address.Port != "443") {
			continue
		}
		switch {
		case strings.EqualFold(strings.Trim(address.Host, "[]"), p.url.Hostname()):
			fitness = 3
		case address.Host == "" || isHost([]string{address.Host}, p.url.Host):
			fitness = max(fitness, 2)
		}
	}
	return fitness
}

// add notes the directives in a segment. A token is one if it begins a line.
func (l *caddyfileLines) add(segment caddyfile.Segment, fitness int) {
	d := caddyfile.NewDispenser(segment)
	for begins := d.Next(); begins || d.Next(); begins = d.NextLine() {
		if !begins || !slices.Contains(soughtDirectives, d.Val()) {
			continue
		}
		at := *d
		directive := caddyfileDirective{tokens: at.NextSegment(), fitness: fitness}
		if d.Val() == "cors" {
			directive.readCORS()
		}
		l.directives = append(l.directives, directive)
	}
}

// readCORS reads the tokens of a cors directive, as the adapter did.
func (d *caddyfileDirective) readCORS() {
	dispenser := caddyfile.NewDispenser(d.tokens)
	dispenser.Next()
	p := newCaddyfileParser(dispenser)
	if p.NextArg() && !isMatcher(p.Val()) {
		p.Prev()
	}
	p.directive()
	if len(p.errs) > 0 {
		return // a line that is no directive, but a value that begins with its name
	}
	d.config, _ = json.Marshal(p.handler)
	d.reader = &p.positionReader
}

// cors returns the directives that may have made a cors handler.
func (l caddyfileLines) cors(raw json.RawMessage) []caddyfileDirective {
	handler := new(Handler)
	if json.Unmarshal(raw, handler) != nil {
		return nil
	}
	config, _ := json.Marshal(handler)
	return l.best(func(d caddyfileDirective) bool { return bytes.Equal(d.config, config) })
}

// best returns the directives that are right, of the sites that fit the URL best. What
// stands in several sites, or is imported several times, is there once.
func (l caddyfileLines) best(right func(caddyfileDirective) bool) (found []caddyfileDirective) {
	for _, d := range l.directives {
		switch {
		case !right(d) || len(found) > 0 && d.fitness < found[0].fitness:
		case len(found) > 0 && d.fitness > found[0].fitness:
			found = []caddyfileDirective{d}
		case !slices.ContainsFunc(found, func(other caddyfileDirective) bool { return other.line() == d.line() }):
			found = append(found, d)
		}
	}
	return found
}

// line returns file and line of the directive.
func (d caddyfileDirective) line() string { return lineOf(d.tokens[0]) }

func lineOf(t caddyfile.Token) string { return shown(t.File) + ":" + strconv.Itoa(t.Line) }

// text returns the first line of the directive.
func (d caddyfileDirective) text() string {
	var words []string
	for _, token := range d.tokens {
		if token.Line != d.tokens[0].Line || token.Text == "{" {
			break
		}
		words = append(words, token.Text)
	}
	return shown(strings.Join(words, " "))
}

// location is where something stands: in a Caddyfile the lines that it may be, and in
// any config its path.
type location struct {
	Lines []string `json:"lines,omitempty"`
	Path  string   `json:"path"`
}

// String returns the location as text.
func (l location) String() string {
	if len(l.Lines) > 0 {
		return joined(l.Lines, " or ")
	}
	return shown(l.Path)
}

// locate returns where a handler stands. Of those that are no cors, lines are told if
// there are few that it may be, among the directives that name these fields; they are
// those of the first field.
func (l caddyfileLines) locate(v *visit, fields ...string) location {
	at := location{Path: v.path}
	if v.cors != nil {
		for _, d := range l.cors(v.raw) {
			at.Lines = append(at.Lines, d.line())
		}
		return at
	}
	if v.path == automaticPath {
		return at
	}
	name := v.directive()
	found := l.best(func(d caddyfileDirective) bool {
		return d.fitness > 0 && d.tokens[0].Text == name && d.names(fields)
	})
	if len(found) > maxListed {
		return at
	}
	for _, d := range found {
		token := d.tokens[0]
		if len(fields) > 0 {
			token, _ = d.field(fields[0])
		}
		at.Lines = append(at.Lines, lineOf(token))
	}
	return at
}

// names reports whether the directive names all of these header fields.
func (d caddyfileDirective) names(fields []string) bool {
	for _, name := range fields {
		if _, ok := d.field(name); !ok {
			return false
		}
	}
	return true
}

// field returns the token that names a header field, behind the sign that it may have.
func (d caddyfileDirective) field(name string) (caddyfile.Token, bool) {
	i := slices.IndexFunc(d.tokens, func(t caddyfile.Token) bool {
		return strings.EqualFold(strings.TrimLeft(t.Text, "+-?>"), name)
	})
	if i < 0 {
		return caddyfile.Token{}, false
	}
	return d.tokens[i], true
}
