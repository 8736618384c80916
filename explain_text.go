package caddycors

import (
	"fmt"
	"io"
	"strings"
)

// writeText writes the explanation for people. Values of the config and of the command
// line are bounded and have no control characters.
func (x *explanation) writeText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s from a page of %s\n", x.Method, shown(x.URL), x.Origin)
	if x.Unserved != "" {
		fmt.Fprintf(&b, "\nNot served: %s\n", x.Unserved)
	}
	if len(x.Requests) == 1 && x.Requests[0].Outcome != outcomeSameOrigin.String() {
		b.WriteString("\nNo preflight is needed.\n")
	}
	for i, r := range x.Requests {
		sent := i == 0 || x.Requests[0].Passes
		r.writeText(&b, sent)
	}
	if len(x.Warnings) > 0 {
		b.WriteString("\nWarnings\n")
	}
	for _, w := range x.Warnings {
		fmt.Fprintf(&b, "  %s\n", w.Text)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// writeText writes what becomes of one request, a line for each thing that is known.
func (r *explainedRequest) writeText(b *strings.Builder, sent bool) {
	switch {
	case r.Kind == kindPreflight.String():
		fmt.Fprintf(b, "\nPreflight (OPTIONS, asks for %s%s)\n", shown(r.RequestedMethod), r.headersText())
	case sent:
		fmt.Fprintf(b, "\nRequest (%s)\n", shown(r.Method))
	default:
		fmt.Fprintf(b, "\nRequest (%s), which is not sent as the preflight fails\n", shown(r.Method))
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %-9s %s\n", name, text)
		}
	}
	if r.Handler != nil {
		handler := r.Handler.String()
		if r.Directive != "" {
			handler += ": " + r.Directive
		}
		line("handler", handler)
	}
	line("policy", r.Policy)
	line("origin", r.originText())
	if r.Credentials != nil {
		line("cookies", map[bool]string{true: "may be used", false: "may not be used, without allow_credentials"}[*r.Credentials])
	}
	outcome := r.Outcome
	if r.Reason != "" {
		outcome += ": " + r.Reason
	}
	if r.Outcome == outcomeSameOrigin.String() {
		outcome += ": this is the page's own origin, which needs no CORS"
	}
	line("outcome", outcome)
	line("because", r.Obstacle)
	line("change", r.Change)
	line("answer", r.Answer)
	for _, note := range r.Notes {
		line("note", note)
	}
}

// headersText names the headers that a preflight asks for.
func (r *explainedRequest) headersText() string {
	switch len(r.RequestedHeaders) {
	case 0:
		return ""
	case 1:
		return " and the header " + shown(r.RequestedHeaders[0])
	}
	return " and the headers " + shown(joined(r.RequestedHeaders, ", "))
}

// originText says what the origin matches.
func (r *explainedRequest) originText() string {
	switch {
	case r.Match == nil && r.Reason == reasonOriginNotAllowed.String():
		return "matches no policy"
	case r.Match == nil:
		return ""
	}
	text := "matches "
	if r.Match.Option != optionAllowOrigins {
		text += r.Match.Option + " "
	}
	text += quoted(r.Match.Value)
	if r.Match.Line != "" {
		text += " (" + r.Match.Line + ")"
	}
	return text
}
