//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// scenario is what a page does with servers, and what comes of it by the Fetch standard
// and by the policies of these servers.
//
// In braces stand the origins of pages: {page}, {page 2} with another port, {secure page} over
// TLS, and {app} and {admin} over TLS with names below one domain; and the base URLs of
// servers, which belong to the scenario alone: {api} of another origin than the page, {api 2}
// of a third one, and {own} of the page's own. {api} has another port than {page}, {page 2} and
// {secure page}; for {app} and {admin} it has another name below their domain. As {plain
// api}, {secure api} and {app api} it can be had whoever asks.
type scenario struct {
	name   string // short, unique, plain words
	source string // where the rule stands
	page   string // that asks; {page} when empty

	api, api2, own string // the lines of these servers' Caddyfiles

	steps []step

	// arrives has what arrived at the servers, as [scenarioRun.checkArrivals] reads it. When it
	// is nil, just that has to arrive which internal/fetch sends.
	arrives []string
	// cached tells that browsers remember answers here. Then internal/fetch, which remembers
	// no preflights, may send more.
	cached bool

	// differ has the engines that differ from the standard, and note tells users how.
	differ map[fetch.Engine]difference
	note   string
}

// difference is what an engine does otherwise than the standard: what the script gets
// of each step, and what arrives. What is nil is not otherwise.
type difference struct{ wants, arrives []string }

// pageName is the name of the page that asks.
func (s scenario) pageName() string {
	if s.page == "" {
		return "page"
	}
	return strings.Trim(s.page, "{}")
}

// wantIn is what a script in an engine gets of a step.
func (s scenario) wantIn(e fetch.Engine, n int) string {
	if wants := s.differ[e].wants; wants != nil {
		return wants[n]
	}
	return s.steps[n].want
}

// step is one thing that the page does. What is empty in it is what a GET of {api} with
// fetch() has.
type step struct {
	act         string // of those of the page; "fetch" when empty
	place       string // where in the page, which may be a frame of another one; itself when empty
	url         string // "{api}/" when empty
	method      string
	headers     []string // lines as in "X-One: 1"
	body        string
	credentials string // credentials mode; "omit" when empty
	mode        string
	redirect    string
	crossOrigin string // attribute of an image
	pause       int    // milliseconds

	want         string   // what the script gets, as [result.String] has it
	shows, hides []string // headers that it sees, as in "X-One: 1", and names of those that it does not
}

// result is what a script got of a step.
type result struct {
	Type    string // of the response
	Status  int
	Text    string
	Headers [][2]string // of the response, in lower case
	Event   string
	Error   string // that it caught
}

// nothingHappens is the error of a step that does not end. That is never what is wanted.
const nothingHappens = "nothing happens"

// String returns "200 hello" for a response, "blocked" for an error, else an event.
func (r result) String() string {
	switch {
	case r.Error == nothingHappens:
		return r.Error
	case r.Error != "":
		return "blocked"
	case r.Type == "opaque" || r.Type == "opaqueredirect":
		return r.Type
	case r.Event != "":
		return r.Event
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Text))
}

// shows reports whether a script sees a header, "Name" or "Name: value".
func (r result) shows(line string) bool {
	name, value, exact := strings.Cut(line, ": ")
	return slices.ContainsFunc(r.Headers, func(h [2]string) bool {
		return strings.EqualFold(h[0], name) && (!exact || h[1] == value)
	})
}

// names returns the names of the headers that the script sees.
func (r result) names() string {
	var all []string
	for _, h := range r.Headers {
		// Firefox adds this one itself to what came over HTTP/2.
		if name := strings.ToLower(h[0]); name != "x-firefox-spdy" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// pageStep is a step as the page's script takes it.
type pageStep struct {
	Name  string         `json:"name"`
	Place string         `json:"place"`
	Step  map[string]any `json:"step"`
}

// forPage returns the step with its places filled in.
func (s step) forPage(name string, places *strings.Replacer) pageStep {
	m := map[string]any{"act": s.act, "credentials": s.credentials, "url": places.Replace(s.target())}
	if s.act == "" {
		m["act"] = "fetch"
	}
	if s.credentials == "" {
		m["credentials"] = "omit"
	}
	for key, value := range map[string]string{
		"method": s.method, "body": s.body, "mode": s.mode, "redirect": s.redirect, "crossOrigin": s.crossOrigin,
	} {
		if value != "" {
			m[key] = value
		}
	}
	if s.pause > 0 {
		m["milliseconds"] = s.pause
	}
	headers := [][2]string{}
	for _, h := range s.header(places) {
		headers = append(headers, [2]string{h.Name, h.Value})
	}
	m["headers"] = headers
	return pageStep{name, places.Replace(s.place), m}
}

func (s step) target() string {
	if s.url == "" {
		return "{api}/"
	}
	return s.url
}

func (s step) header(places *strings.Replacer) (all []fetch.Header) {
	for _, line := range s.headers {
		name, value, _ := strings.Cut(places.Replace(line), ": ")
		all = append(all, fetch.Header{Name: name, Value: value})
	}
	return all
}

// isCORS reports whether the step is a request in mode "cors", so that the Fetch standard
// decides whether a script may read the response.
func (s step) isCORS() bool {
	switch s.act {
	case "":
		return s.mode == "" && s.redirect == ""
	case "upload", "events", "module":
		return true
	case "image":
		return s.crossOrigin != ""
	}
	return false
}

// arrival is a request that arrived at a Caddy, as its access log has it.
type arrival struct {
	Request struct {
		Proto, Method, Host, URI string
		Headers                  http.Header
	}
	Status int
}

// arrivalHeaders are those of the headers that scenarios look at.
var arrivalHeaders = []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Cookie", "Authorization", "If-None-Match", "Sec-Fetch-Site"}

// String returns what scenarios look at.
func (a arrival) String() string {
	text := fmt.Sprintf(" | Protocol: %s | Status: %d", a.Request.Proto, a.Status)
	for _, name := range arrivalHeaders {
		if value := a.Request.Headers.Get(name); value != "" {
			text += " | " + name + ": " + value
		}
	}
	return text
}

// has reports whether the request has header lines, and has none of those that have no
// value. "Protocol" and "Status" are no headers.
func (a arrival) has(headers []string) bool {
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		got := strings.Join(a.Request.Headers.Values(name), ", ")
		switch name {
		case "Protocol":
			got = a.Request.Proto
		case "Status":
			got = strconv.Itoa(a.Status)
		}
		if got != value && (value != "*" || got == "") {
			return false
		}
	}
	return true
}
