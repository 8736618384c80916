package caddycors

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
	"github.com/seed-9442523e/caddy-cors/internal/origin"
)

// pageFlags are the flags by which a command is told of a page's request.
type pageFlags struct {
	origin      string
	method      string
	headers     []string
	credentials bool
	upload      bool
}

func (f *pageFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVarP(&f.origin, "origin", "o", "", "Origin of the page, such as https://app.example.com, or null (needed)")
	flags.StringVarP(&f.method, "method", "X", "GET", "Method that the page's script uses")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, `Header that the script sets, as "Name: value" or "Name"; may repeat`)
	flags.BoolVar(&f.credentials, "credentials", false, "The script asks for cookies and other credentials to be included")
	flags.BoolVar(&f.upload, "upload", false, "The script uses XMLHttpRequest, and listens to the progress of the upload")
	_ = command.MarkFlagRequired("origin") // there is such a flag
}

// request returns the request of a page to a URL. The errors say what to write.
func (f *pageFlags) request(rawURL string) (r fetch.Request, err error) {
	r = fetch.Request{Method: f.method, Credentials: f.credentials, Upload: f.upload}
	if r.Origin, err = parsePageOrigin(f.origin); err != nil {
		return r, fmt.Errorf("--origin %s: %w", quoted(f.origin), err)
	}
	if r.URL, err = parsePageURL(rawURL); err != nil {
		return r, fmt.Errorf("the URL %s: %w", quoted(rawURL), err)
	}
	if !fetch.IsToken(f.method) {
		return r, fmt.Errorf("--method %s: this is not a method name", quoted(f.method))
	}
	for _, line := range f.headers {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !fetch.IsToken(name):
			return r, fmt.Errorf(`--header %s: this is not the name of a header; write it like "X-Token" or "X-Token: value"`, quoted(line))
		case r.Credentials && strings.EqualFold(name, headerCookie):
			r.Cookie = value // no script sets it, but the browser has it
		case value == "" && strings.EqualFold(name, headerContentType):
			r.Header = append(r.Header, fetch.Header{Name: name, Value: "application/json"}) // one that needs permission
		default:
			r.Header = append(r.Header, fetch.Header{Name: name, Value: value})
		}
	}
	return r, nil
}

// parsePageOrigin reads the origin of a page.
func parsePageOrigin(s string) (string, error) {
	if _, ok := origin.Parse(s); ok {
		return s, nil
	}
	pattern, err := origin.ParsePattern(s)
	if refused := new(origin.PatternError); errors.As(err, &refused) && refused.Fix == "" && refused.Advice == "" {
		return "", fmt.Errorf("%s; %s", refused.Reason, exampleOrigin)
	}
	if err != nil {
		return "", err
	}
	if _, ok := origin.Parse(pattern.String()); !ok {
		return "", errors.New("a page has one origin, and this is a pattern; " + exampleOrigin)
	}
	return "", fmt.Errorf("browsers send it in another form; write %q", pattern)
}

// parsePageURL reads the URL that the page requests, and normalises its host.
func parsePageURL(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		return nil, fmt.Errorf("a URL starts with a scheme; write %s", quoted("https://"+strings.TrimLeft(s, "/")))
	}
	u, err := fetch.ParseURL(nil, s)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme == "ws" || u.Scheme == "wss":
		return nil, errors.New("browsers do not apply CORS to WebSockets; a server has to look at Origin itself, as cors does with enforce")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it is neither http:// nor https://")
	case !isHostOfURL(u):
		return nil, fmt.Errorf("%s is not the name of a host, with a port if it has one", quoted(u.Host))
	case u.User != nil:
		return nil, errors.New("browsers let no page request a URL with a user name; take it out")
	}
	return u, nil
}

// isHostOfURL reports whether browsers take the host of a URL, and its port.
func isHostOfURL(u *url.URL) bool {
	_, ok := origin.Parse(u.Scheme + "://" + u.Host)
	return ok
}
