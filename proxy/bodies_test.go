package corsproxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-9442523e/caddy-cors/internal/corstest"
)

// chunked is a body whose length is not said.
type chunked struct{ io.Reader }

// post sends a POST of a body for a URL.
func post(t *testing.T, site *corstest.Client, url string, body io.Reader) corstest.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL("/?"+url), body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", page)
	response, err := site.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return corstest.Response{Response: response, Asked: "POST " + url, Text: string(text)}
}

// TestRequestBodies shows how long bodies of requests may be.
func TestRequestBodies(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d, %t", n, err == nil)
	})
	site := runProxy(t, "targets "+a.URL+"\nmethods POST\nmax_body 1000B")
	for _, site := range []*corstest.Client{site, site.Over(corstest.H2C)} {
		for n, want := range map[int]*refusal{0: nil, 1: nil, 999: nil, 1000: nil, 1001: refusedBody, 1_000_000: refusedBody} {
			for _, body := range []io.Reader{strings.NewReader(strings.Repeat("a", n)), chunked{strings.NewReader(strings.Repeat("a", n))}} {
				r := post(t, site, a.URL, body)
				switch {
				case want != nil:
					wantRefusal(t, r, want, allowPage)
					// What is left of the body is not taken for the next request.
					if r := post(t, site, a.URL, http.NoBody); r.Text != "0, true" {
						t.Errorf("behind %d bytes: %s", n, r)
					}
				case r.StatusCode != http.StatusOK || r.Text != fmt.Sprintf("%d, true", n):
					t.Errorf("%d bytes: %s", n, r)
				}
			}
		}
	}
}

// TestResponseBodies shows how long responses may be, and that no page takes a part for the
// whole.
func TestResponseBodies(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		_, _ = fmt.Sscanf(r.URL.RawQuery, "%d", &n)
		if r.URL.Path == "/known" {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		} else {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		for r.Method != http.MethodHead && (n > 0 || r.URL.Path == "/endless") {
			part := min(n, 512)
			if r.URL.Path == "/endless" {
				part = 512
			}
			if _, err := w.Write([]byte(strings.Repeat("a", part))); err != nil {
				return
			}
			n -= part
		}
	})
	site := runProxy(t, "targets "+a.URL+"\nmax_response 10kB")
	for _, site := range []*corstest.Client{site, site.Over(corstest.H2C)} {
		for _, n := range []int{0, 1, 9999, 10000} {
			for _, path := range []string{"/known", "/unknown"} {
				if r := site.Do(ask(fmt.Sprintf("%s%s?%d", a.URL, path, n))); r.StatusCode != http.StatusOK || len(r.Text) != n {
					t.Errorf("%s, %d bytes: %d, %d bytes", path, n, r.StatusCode, len(r.Text))
				}
			}
		}
		wantRefusal(t, site.Do(ask(a.URL+"/known?10001")), failedLength, allowPage)
		for _, url := range []string{"/unknown?10001", "/unknown?1000000", "/endless"} {
			if r, err := site.Try(ask(a.URL + url)); err == nil || len(r.Text) > 10000 {
				t.Errorf("%s: %v, %d bytes", url, err, len(r.Text))
			}
		}
		if r := site.Do("HEAD /?" + a.URL + "/known?1000000\nOrigin: " + page); r.StatusCode != http.StatusOK || r.ContentLength != 1000000 {
			t.Errorf("%s", r)
		}
	}
}

// TestPackedResponses shows what becomes of responses that are compressed although nobody
// asked for it: what is counted is what the page gets.
func TestPackedResponses(t *testing.T) {
	a := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", `"x"`)
		h.Set("Accept-Ranges", "bytes")
		for _, digest := range []string{"Digest", "Content-Digest", "Repr-Digest", "Content-MD5"} { // of what is packed
			h.Set(digest, "x")
		}
		size := 1000
		switch r.URL.Path {
		case "/bomb":
			size = 1 << 30
		case "/other":
			h.Set("Content-Encoding", "br")
		case "/twice":
			h.Set("Content-Encoding", "gzip, gzip")
		case "/lines":
			h["Content-Encoding"] = []string{"gzip", "gzip"}
		case "/as-it-is": // RFC 9110, section 7.7
			h.Set("Cache-Control", "max-age=60, no-transform")
		case "/part":
			w.WriteHeader(http.StatusPartialContent)
		case "/broken":
			fmt.Fprint(w, "this is no gzip")
			return
		case "/empty": // no end, and nothing in it
			var member bytes.Buffer
			_ = gzip.NewWriter(&member).Close()
			for {
				if _, err := w.Write(member.Bytes()); err != nil {
					return
				}
			}
		}
		packed := gzip.NewWriter(w)
		defer packed.Close()
		for zeros := make([]byte, 1000); size > 0; size -= 1000 {
			if _, err := packed.Write(zeros); err != nil {
				return
			}
		}
	})
	site := runProxy(t, "targets "+a.URL+"\nmax_response 100kB")
	r := site.Do(ask(a.URL, "Accept-Encoding: gzip, br"))
	r.Want(t, 200, allowPage, vary)
	if r.Text != strings.Repeat("\x00", 1000) || r.Header.Get("Content-Encoding") != "" || r.Header.Get("ETag") != `W/"x"` || r.Header.Get("Accept-Ranges") != "" ||
		r.Header["Digest"] != nil || r.Header["Content-Digest"] != nil || r.Header["Repr-Digest"] != nil || r.Header["Content-Md5"] != nil {
		t.Errorf("%s", r)
	}
	for _, path := range []string{"/bomb", "/broken", "/empty"} {
		if r, err := site.Try(ask(a.URL + path)); err == nil || len(r.Text) > 100_000 {
			t.Errorf("%s: %v, %d bytes", path, err, len(r.Text))
		}
	}
	for _, path := range []string{"/other", "/twice", "/lines", "/part", "/as-it-is"} {
		wantRefusal(t, site.Do(ask(a.URL+path)), failedEncoding, allowPage)
	}
	if r := site.Do("HEAD /?" + a.URL + "\nOrigin: " + page); r.StatusCode != http.StatusOK || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("%s", r)
	}
}
