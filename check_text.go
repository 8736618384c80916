package caddycors

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// writeText writes the report for a person.
func (c *checkReport) writeText(w io.Writer) error {
	p := newScreen(w)
	with := ""
	if c.Credentials {
		with = ", with credentials"
	}
	p.line(0, styleBold, fmt.Sprintf("%s %s from a page of %s%s", c.Method, c.URL, c.Origin, with))
	p.blank()
	for i, step := range c.Steps {
		if !step.Failed { // else the verdict says it
			step.writeText(p, i+1)
		}
	}
	p.blank()
	c.writeVerdict(p)
	for i, warning := range c.Warnings {
		if i == 0 {
			p.blank()
			p.line(0, styleAmber, "Warnings")
		}
		p.line(2, "", warning)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (s checkStep) writeText(p *screen, number int) {
	p.line(0, "", fmt.Sprintf("%d. %s", number, s.Text))
	if s.Source != "" {
		p.line(3, styleFaint, s.Source)
	}
	if s.Request == nil {
		return
	}
	if u, err := url.Parse(s.Request.URL); err == nil {
		p.line(3, "", "> "+s.Request.Method+" "+u.RequestURI())
		p.line(3, "", "> Host: "+u.Host)
	}
	for _, line := range s.Request.Header {
		p.line(3, "", "> "+line)
	}
	p.line(3, "", strings.TrimSpace(fmt.Sprintf("< %d %s", s.Response.Status, http.StatusText(s.Response.Status))))
	for _, line := range s.Response.Header {
		p.line(3, "", "< "+line)
	}
	if s.Response.Text != "" {
		p.line(3, "", "<")
		p.line(3, "", "< "+s.Response.Text)
	}
}

// writeVerdict writes what it all comes to.
func (c *checkReport) writeVerdict(p *screen) {
	switch c.Verdict {
	case checkReadable:
		p.line(0, styleGreen, "READABLE: the page can read the response.")
		p.line(2, "", "headers it can read   "+listOr(c.Readable, "none"))
		p.line(2, "", "kept from it          "+listOr(c.Hidden, "none"))
	case checkSendable:
		p.line(0, styleGreen, "SENDABLE: the browser would send the "+c.Method+".")
		p.line(2, "", "It was not sent here. To send it, and to see whether the page can read the response, add --send.")
	case checkNotSent:
		p.line(0, styleAmber, "NOT SENT: "+c.Error)
	case checkNoAnswer:
		p.line(0, styleRed, "NO ANSWER: "+c.Error)
		p.line(2, "", "This is not CORS: a page would see a network error, whatever the headers.")
	case checkBlocked:
		p.line(0, styleRed, "BLOCKED: "+c.Blocked.Reason)
		p.line(2, styleFaint, c.Blocked.Source)
		c.writeConsoles(p)
		c.writeChange(p)
	}
}

// writeConsoles writes what developers see in their browser.
func (c *checkReport) writeConsoles(p *screen) {
	if len(c.Blocked.Console) == 0 {
		return
	}
	p.blank()
	p.line(0, styleBold, "What the console says")
	p.line(2, "", c.Blocked.consoles())
}

// consoles returns a line for each engine whose console says anything.
func (b *checkBlock) consoles() string {
	var lines strings.Builder
	for _, e := range fetch.Engines {
		if said := b.Console[e.String()]; said != "" {
			fmt.Fprintf(&lines, "%-8s %s\n", e.Browser(), said)
		}
	}
	return lines.String()
}

func (c *checkReport) writeChange(p *screen) {
	p.blank()
	p.line(0, styleBold, "What to change")
	if c.Change.Advice != "" {
		p.line(2, "", c.Change.Advice)
	}
	if len(c.Change.Answer) > 0 {
		p.line(2, "", "Answer with:")
		p.line(6, "", strings.Join(c.Change.Answer, "\n"))
	}
	if c.Change.Caddyfile != "" {
		p.line(2, "", "With this module, the cors that answers here has to say (a second one would not decide):")
		p.line(6, "", c.Change.Caddyfile)
	}
}

// listOr joins names, or returns another text if there are none.
func listOr(names []string, other string) string {
	if len(names) == 0 {
		return other
	}
	return strings.Join(names, ", ")
}
