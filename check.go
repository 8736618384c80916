package caddycors

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/seed-9442523e/caddy-cors/internal/fetch"
)

// answerTimeout is how long `caddy cors check` waits for all answers together.
const answerTimeout = 30 * time.Second

// maxAnswerHeader is how many bytes the header of an answer may have.
const maxAnswerHeader = 1 << 20

// Exit statuses of the commands.
const (
	statusReadable = 0
	statusFailed   = 1 // usage, or no answer
	statusBlocked  = 2
)

// check is `caddy cors check`.
type check struct {
	pageFlags
	send     bool
	json     bool
	insecure bool
	resolve  []string
}

func checkCommand() *cobra.Command {
	var c check
	command := &cobra.Command{
		Use:     "check <url> --origin <origin>",
		Short:   "Does what a browser does with a page's request, and tells why the page can or cannot read the response",
		Long:    checkHelp,
		Example: "  caddy cors check https://api.example.com/items --origin https://app.example.com -X PUT -H 'Content-Type: application/json'",
		Args:    cobra.ExactArgs(1),
	}
	c.add(command)
	flags := command.Flags()
	flags.BoolVar(&c.send, "send", false, "Send the request itself, too, if its method is not GET, HEAD or OPTIONS")
	flags.BoolVar(&c.json, "json", false, "Write the result as JSON")
	flags.BoolVar(&c.insecure, "insecure", false, "Accept any certificate")
	flags.StringArrayVar(&c.resolve, "resolve", nil, "Connect to another address, as in api.example.com:443:127.0.0.1; may repeat")
	command.RunE = runCommand(func(args []string) (int, error) { return c.run(command, args[0]) })
	return command
}

const checkHelp = `Does what a browser does when a page of the origin fetches the URL: asks for permission
in a preflight if it needs one, sends the request, follows redirects, and applies the
rules of the Fetch standard to the answers. It tells each step, the rule that let the
page read the response or blocked it, and what to change. It works with any server.

A method that is not safe, such as POST or DELETE, is asked for in a preflight but not
sent, unless you add --send. "-H 'Cookie: ...'" is what the browser has for the URL; it
is sent with --credentials only.

Exit status: 0 if the page could read the response (or, if the request itself was not
sent, if its preflight passed), 2 if it is blocked, 1 if there is no answer, if nothing
was sent, or if the command is not understood.`

// runCommand makes a function that returns an exit status the body of a command.
func runCommand(run func(args []string) (int, error)) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		command.SilenceErrors = true // an exit status is no error, and Caddy logs those that are
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return run(args) })(command, nil)
	}
}

// run checks a URL, writes the report, and returns the exit status.
func (c *check) run(command *cobra.Command, rawURL string) (int, error) {
	r, err := c.request(rawURL)
	if err != nil {
		return statusFailed, err
	}
	addresses, err := parseResolve(c.resolve)
	if err != nil {
		return statusFailed, err
	}
	r.Unsafe = c.send
	// A site that is tried here in clear text may well have TLS where it will be.
	r.Trusted = net.ParseIP(addresses.of(r.URL.Host, r.URL.Scheme)).IsLoopback()

	ctx, cancel := context.WithTimeout(command.Context(), answerTimeout)
	defer cancel()
	transport := c.transport(addresses)
	defer transport.CloseIdleConnections()
	result, err := (&fetch.Browser{Transport: transport}).Fetch(ctx, r)
	if unknown := new(tls.CertificateVerificationError); errors.As(err, &unknown) {
		err = fmt.Errorf("%w; browsers send nothing, either, unless they are told to trust the certificate (--insecure trusts any)", err)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %v", answerTimeout)
	case err != nil:
		err = errors.New(fetch.Printable(err.Error(), maxPrinted)) // it may quote what the server sent
	}
	report := newCheckReport(r, result, err)
	write := report.writeText
	if c.json {
		write = report.writeJSON
	}
	if err := write(command.OutOrStdout()); err != nil || report.Error == "" {
		return report.status(), err
	}
	return statusFailed, errors.New(report.Error)
}

// transport returns a transport that is no browser's: it follows nothing and remembers
// nothing.
func (c *check) transport(addresses resolved) *http.Transport {
	dialer := &net.Dialer{Timeout: answerTimeout / 3}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if addresses.of(r.URL.Host, r.URL.Scheme) != "" {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, _ := net.SplitHostPort(address)
			if other, ok := addresses[address]; ok {
				address = other
			} else if strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("localhost", port) // as browsers do
			}
			return dialer.DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: c.insecure}, //nolint:gosec // it is what the flag is for
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true, // it would take headers away
	}
}

// resolved are addresses to connect to, by the host and port that stand for them.
type resolved map[string]string

// parseResolve reads the values of --resolve, "host:port:address".
func parseResolve(values []string) (resolved, error) {
	addresses := make(resolved, len(values))
	for _, value := range values {
		host, rest, _ := strings.Cut(value, ":")
		port, address, ok := strings.Cut(rest, ":")
		address = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
		u, err := fetch.ParseURL(nil, "https://"+host+":"+port)
		if !ok || err != nil || net.ParseIP(address) == nil || !isHostOfURL(u) || u.Path+u.RawQuery != "/" || u.User != nil || strings.Trim(port, "0123456789") != "" || port == "" {
			return nil, fmt.Errorf("--resolve %s: write it like api.example.com:443:127.0.0.1", quoted(value))
		}
		addresses[net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443"))] = net.JoinHostPort(address, port)
	}
	return addresses, nil
}

// of returns the address that the host of a URL is told to have, or "".
func (a resolved) of(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += map[string]string{"http": ":80", "https": ":443"}[scheme]
	}
	address, _, _ := net.SplitHostPort(a[host])
	return address
}
