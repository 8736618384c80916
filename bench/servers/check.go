package servers

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"

	"github.com/seed-9442523e/caddy-cors/bench/internal/process"
)

// running is a server that runs, and what it is asked.
type running struct {
	turn
	cell    Cell
	address string
	process *process.Process
}

func (r running) url() string {
	if r.cell.Protocol == HTTP2 {
		return "https://" + r.address + path
	}
	return "http://" + r.address + path
}

// status is what every server answers to the request.
func (r request) status() int {
	if r.method == http.MethodOptions {
		return http.StatusNoContent
	}
	return http.StatusOK
}

// check sends the request once, and fails unless the answer is what it should be: no
// server is measured that answers wrong.
func (r running) check(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, r.request.method, r.url(), nil)
	if err != nil {
		return err
	}
	for _, line := range r.request.header {
		req.Header.Set(line[0], line[1])
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(r.cell.Protocol == HTTP1)
	protocols.SetHTTP2(r.cell.Protocol == HTTP2)
	//nolint:gosec // The certificate is this run's own.
	transport := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", r.server.name, err, r.process.Printed())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if fault := r.fault(resp, len(body)); fault != "" {
		head, _ := httputil.DumpResponse(resp, false)
		return fmt.Errorf("%s, %s: %s\n%s%s", r.server.name, r.request.name, fault, head, body)
	}
	return nil
}

// fault tells what is wrong with an answer, or is empty.
func (r running) fault(resp *http.Response, size int) string {
	wantOrigin, wantSize := "", len(hello)
	if r.cell.Handler == FileServer {
		wantSize = fileSize
	}
	if r.request.method == http.MethodOptions {
		wantSize = 0
	}
	if r.server.cors && (r.request.name == Allowed || r.request.name == Preflight) {
		wantOrigin = origin
	}
	methods := resp.Header.Get("Access-Control-Allow-Methods")
	switch got := resp.Header.Get("Access-Control-Allow-Origin"); {
	case resp.Proto != r.cell.Protocol+map[string]string{HTTP2: ".0"}[r.cell.Protocol]:
		return fmt.Sprintf("it came over %s, want %s", resp.Proto, r.cell.Protocol)
	case resp.StatusCode != r.request.status():
		return fmt.Sprintf("the status is %d, want %d", resp.StatusCode, r.request.status())
	case size != wantSize:
		return fmt.Sprintf("there are %d bytes, want %d", size, wantSize)
	case got != wantOrigin:
		return fmt.Sprintf("Access-Control-Allow-Origin is %q, want %q", got, wantOrigin)
	case (methods != "") != (wantOrigin != "" && r.request.name == Preflight):
		return fmt.Sprintf("Access-Control-Allow-Methods is %q", methods)
	}
	return ""
}
