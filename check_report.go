package caddycors

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// Verdicts of `caddy cors check`.
const (
	checkReadable = "readable"  // the page can read the response
	checkBlocked  = "blocked"   // it cannot, or the browser does not send its request
	checkSendable = "sendable"  // the preflight passed; the request was not sent here
	checkNotSent  = "not_sent"  // nothing was sent here, so nothing is known
	checkNoAnswer = "no_answer" // there was none, so nothing is known
)

// checkReport is what `caddy cors check` says, as its JSON has it.
type checkReport struct {
	URL         string `json:"url"`
	Origin      string `json:"origin"`
	Method      string `json:"method"`
	Credentials bool   `json:"credentials"`

	Verdict string       `json:"verdict"`
	Blocked *checkBlock  `json:"blocked,omitempty"`
	Change  *checkChange `json:"change,omitempty"`
	Error   string       `json:"error,omitempty"`

	Readable []string    `json:"readable_headers,omitempty"`
	Hidden   []string    `json:"hidden_headers,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
	Steps    []checkStep `json:"steps"`
}

// checkBlock is why the page cannot read the response.
type checkBlock struct {
	Rule      fetch.Rule        `json:"rule"`
	Source    string            `json:"source"`
	Reason    string            `json:"reason"`
	Preflight bool              `json:"preflight"` // whether it is the answer to one
	Console   map[string]string `json:"console"`   // by engine
}

// checkChange is what would let the page read the response.
type checkChange struct {
	Advice    string   `json:"advice,omitempty"`
	Answer    []string `json:"answer,omitempty"`    // of any server: its status, if it is to a preflight, and headers
	Caddyfile string   `json:"caddyfile,omitempty"` // a directive
}

// checkStep is one step of the browser.
type checkStep struct {
	Text     string        `json:"text"`
	Source   string        `json:"source,omitempty"`
	Failed   bool          `json:"failed,omitempty"`
	Request  *checkMessage `json:"request,omitempty"`
	Response *checkMessage `json:"response,omitempty"`
}

// checkMessage is a request or a response, with the headers that matter.
type checkMessage struct {
	Method string   `json:"method,omitempty"`
	URL    string   `json:"url,omitempty"`
	Status int      `json:"status,omitempty"`
	Header []string `json:"header"` // lines, sorted
	Text   string   `json:"text,omitempty"`
}

func newCheckReport(r fetch.Request, result *fetch.Result, err error) *checkReport {
	report := &checkReport{
		URL: r.URL.String(), Origin: r.Origin, Method: fetch.NormalizeMethod(r.Method), Credentials: r.Credentials,
		Verdict: checkReadable, Readable: result.Readable, Hidden: result.Hidden, Warnings: result.Warnings, Steps: []checkStep{},
	}
	for _, step := range result.Steps {
		report.Steps = append(report.Steps, newCheckStep(r, step))
	}
	switch {
	case err != nil:
		report.Verdict, report.Error = checkNoAnswer, err.Error()
	case result.Block != nil:
		report.Verdict = checkBlocked
		report.block(r, result)
	case result.Unsent && result.Preflighted:
		report.Verdict = checkSendable
	case result.Unsent:
		report.Verdict, report.Error = checkNotSent, "a browser would send this "+report.Method+" without a preflight, so there is nothing to ask first; to send it, add --send"
	}
	return report
}

// status returns the exit status.
func (c *checkReport) status() int {
	switch c.Verdict {
	case checkReadable, checkSendable:
		return statusReadable
	case checkBlocked:
		return statusBlocked
	}
	return statusFailed
}

func (c *checkReport) block(r fetch.Request, result *fetch.Result) {
	b := result.Block
	c.Blocked = &checkBlock{Rule: b.Rule, Source: b.Source(), Reason: b.Reason(), Preflight: b.Preflight, Console: make(map[string]string)}
	for _, e := range fetch.Engines {
		if said := b.Console(e); said != "" {
			c.Blocked.Console[e.String()] = said
		}
	}
	s := suggest(r, b)
	c.Change = &checkChange{Advice: b.Advice(), Answer: result.Answer, Caddyfile: s.Caddyfile}
	switch {
	case result.Response != nil && result.Response.Text == refusal(kindPreflight, reasonOriginNotAllowed):
		c.Change.Advice = "The server has this module, and no policy of it allows this origin. If you trust it, add it to the cors that answers here."
	case slices.Contains(s.Risks, risk.Insecure):
		c.Change.Advice = strings.TrimSpace(c.Change.Advice + " Let the page come over https://, so that nobody on the way can change it. Only if that cannot be, take the risk below.")
	}
	for _, r := range s.Risks {
		c.Warnings = append(c.Warnings, "With "+optionDangerouslyAllow+" "+string(r)+", "+r.Attack()+".")
	}
}

func newCheckStep(r fetch.Request, step fetch.Step) checkStep {
	s := checkStep{Text: step.Text, Source: step.Source, Failed: step.Failed}
	if e := step.Exchange; e != nil {
		s.Request = &checkMessage{Method: e.Method, URL: e.URL, Header: headerLines(e.Sent, func(name string) bool {
			return name == headerOrigin || name == headerCookie || isCORSHeader(name) ||
				!e.Preflight && slices.ContainsFunc(r.Header, func(h fetch.Header) bool { return strings.EqualFold(h.Name, name) })
		})}
		s.Response = &checkMessage{Status: e.Status, Text: e.Text, Header: headerLines(e.Header, func(name string) bool {
			switch name {
			case headerVary, headerLocation, "Allow", "Www-Authenticate":
				return true
			}
			return isCORSResponseHeader(name)
		})}
	}
	return s
}

// maxLines is how many lines of a message are told.
const maxLines = 30

// headerLines returns the lines of the headers that matter, sorted by name.
func headerLines(h http.Header, matters func(name string) bool) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		if matters(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	lines := []string{}
	for _, name := range names {
		for _, value := range h[name] {
			if len(lines) == maxLines {
				return append(lines, "... and more")
			}
			lines = append(lines, fetch.Printable(name+": "+value, maxPrinted))
		}
	}
	return lines
}

func (c *checkReport) writeJSON(w io.Writer) error { return writeJSON(w, c) }

// writeJSON writes what a command found for programs. What is not to be seen is escaped,
// as it may end up on a terminal all the same.
func writeJSON(w io.Writer, found any) error {
	var encoded, shown strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(found); err != nil {
		return err
	}
	for _, c := range encoded.String() {
		switch {
		case c == '\n' || strconv.IsPrint(c):
			shown.WriteRune(c)
		default:
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&shown, `\u%04x`, unit)
			}
		}
	}
	_, err := io.WriteString(w, shown.String())
	return err
}
