// Package corstest sends requests to a server and shows what of its responses is about
// CORS. It is for tests alone.
package corstest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// The protocols that a [Client] speaks.
const (
	H1  = "h1"  // HTTP/1.1 in the clear
	H1S = "h1s" // HTTP/1.1 over TLS
	H2  = "h2"  // HTTP/2 over TLS
	H2C = "h2c" // HTTP/2 in the clear
	H3  = "h3"  // HTTP/3
)

// Client sends requests to one address. It follows no redirect, asks for no
// compression by itself, and takes any certificate.
type Client struct {
	Address string // host and port
	HTTP    http.Client

	// Informed, if set, is called for each informational (1xx) response.
	Informed func(status int, header http.Header)

	t      testing.TB
	scheme string
}

// NewClient returns a client of an address. It speaks HTTP/1.1 in the clear.
func NewClient(t testing.TB, address string) *Client { return newClient(t, address, H1) }

// Over returns a client of the same address that speaks another protocol.
func (c *Client) Over(protocol string) *Client { return newClient(c.t, c.Address, protocol) }

func newClient(t testing.TB, address, protocol string) *Client {
	c := &Client{Address: address, t: t, scheme: "http"}
	c.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	//nolint:gosec // The certificates of tests are their own.
	insecure := &tls.Config{InsecureSkipVerify: true}
	if protocol == H3 {
		c.scheme = "https"
		transport := &http3.Transport{TLSClientConfig: insecure, DisableCompression: true}
		t.Cleanup(func() { _ = transport.Close() })
		c.HTTP.Transport = transport
		return c
	}
	protocols := new(http.Protocols)
	switch protocol {
	case H1, H1S:
		protocols.SetHTTP1(true)
	case H2:
		protocols.SetHTTP2(true)
	case H2C:
		protocols.SetUnencryptedHTTP2(true)
	default:
		t.Fatalf("no client speaks %q", protocol)
	}
	if protocol == H1S || protocol == H2 {
		c.scheme = "https"
	}
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: insecure, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	c.HTTP.Transport = transport
	return c
}

// URL returns the URL of a path at the client's address.
func (c *Client) URL(path string) string { return c.scheme + "://" + c.Address + path }

// Response is a response that was read to its end.
type Response struct {
	*http.Response
	Asked string // as it was given to [Client.Do]
	Text  string // the body
}

// Do sends a request: a line of method and path, then header lines, as in
// "GET /api\nOrigin: https://a.example". After an empty line may come a body. In it,
// $A is the client's address.
func (c *Client) Do(request string) Response {
	c.t.Helper()
	r, err := c.Try(request)
	if err != nil {
		c.t.Fatalf("%s\n%v", request, err)
	}
	return r
}

// Try is [Client.Do] for goroutines that are not the test's own, and for requests that
// may fail.
func (c *Client) Try(request string) (Response, error) {
	r, err := c.Send(request)
	if err != nil {
		return r, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	r.Text = string(text)
	return r, err
}

// Send sends a request, and leaves its body to be read and closed.
func (c *Client) Send(request string) (Response, error) {
	request = strings.ReplaceAll(request, "$A", c.Address)
	head, body, _ := strings.Cut(request, "\n\n")
	first, lines, _ := strings.Cut(head, "\n")
	method, path, _ := strings.Cut(first, " ")
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	ctx := c.t.Context()
	if c.Informed != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
			c.Informed(status, http.Header(header))
			return nil
		}})
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL(path), reader)
	if err != nil {
		return Response{}, err
	}
	AddHeaders(req, lines)
	resp, err := c.HTTP.Do(req) //nolint:bodyclose // It is the caller's.
	return Response{resp, request, ""}, err
}

// Raw sends just these bytes on a connection of their own, over HTTP/1.1 in the clear,
// for what a client of net/http would not send. It returns the first response.
func (c *Client) Raw(request string) Response {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, request) }() // a server may answer before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		c.t.Fatalf("%.200q\n%v", request, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return Response{resp, fmt.Sprintf("%.500q", request), string(text)}
}

// AddHeaders adds lines as in "Origin: https://a.example" to a request.
func AddHeaders(r *http.Request, lines string) {
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
}

// CORS returns what of a response is about CORS, each field line a line, sorted. The
// names of the lines are cut short: "Allow-Origin: *".
func (r Response) CORS() string {
	var lines []string
	for name, values := range r.Header {
		short, isCORS := strings.CutPrefix(name, "Access-Control-")
		if isCORS || name == "Vary" {
			for _, value := range values {
				lines = append(lines, short+": "+value)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Want fails unless the response has this status and just these CORS headers.
func (r Response) Want(t testing.TB, status int, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	if want := strings.Join(lines, "\n"); r.StatusCode != status || r.CORS() != want {
		t.Errorf("%s\n\ngot %s\n\nwant status %d and\n%s", r.Asked, r, status, want)
	}
}

// String shows the whole response.
func (r Response) String() string {
	var b strings.Builder
	b.WriteString(r.Proto + " " + r.Status + "\n")
	_ = r.Header.Write(&b)
	b.WriteString("\n" + r.Text)
	return b.String()
}

// taken are the ports that tests were given.
var taken = struct {
	sync.Mutex
	addresses map[string]bool
}{addresses: make(map[string]bool)}

// FreeAddress returns an address on loopback that nothing listens on, for TCP and UDP,
// and that was not returned before. Its port is below those that the system gives to
// clients, one of which may else take it before the test does.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := FindAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// FindAddress is [FreeAddress] for what is not a test.
func FindAddress() (string, error) {
	taken.Lock()
	defer taken.Unlock()
	for range 100 {
		address := "127.0.0.1:" + strconv.Itoa(20_000+rand.IntN(12_000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		packets, udp := net.ListenPacket("udp", address)
		if udp == nil {
			udp = packets.Close()
		}
		if err := listener.Close(); err != nil {
			return "", err
		}
		if udp == nil && !taken.addresses[address] {
			taken.addresses[address] = true
			return address, nil
		}
	}
	return "", errors.New("no free address on loopback")
}
