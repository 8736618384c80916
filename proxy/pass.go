package corsproxy

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// pass returns a response of a target as it is passed on: without what is not meant for the
// page, and bounded.
//
// Targets are asked for responses that are not compressed, so that what is counted is what
// the page gets. A target that compresses with gzip all the same has it unpacked here, as it
// is passed on; other encodings are refused.
func (e *exchange) pass(asked *http.Request, response *http.Response) (*http.Response, *refusal) {
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return nil, failedProtocol
	}
	passed := &http.Response{
		Status: response.Status, StatusCode: response.StatusCode,
		Proto: response.Proto, ProtoMajor: response.ProtoMajor, ProtoMinor: response.ProtoMinor,
		Header:        targetHeader(response.Header),
		ContentLength: response.ContentLength,
		Request:       asked,
	}
	bodiless := asked.Method == http.MethodHead || response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusNotModified
	if !bodiless && response.ContentLength > e.maxResponse {
		return nil, failedLength
	}
	var body io.Reader = limit(response.Body, e.maxResponse, failedLength)
	switch encodingOf(response.Header) {
	case "", "identity":
	case "gzip", "x-gzip":
		if said, _ := directives(response.Header); response.StatusCode == http.StatusPartialContent || said.has("no-transform") && !bodiless {
			return nil, failedEncoding // a part of what is packed, or what stays as it is
		}
		unpack(passed)
		body = limit(&unpacker{packed: body}, e.maxResponse, failedLength)
	default:
		if !bodiless {
			return nil, failedEncoding
		}
	}
	if bodiless {
		body = http.NoBody
	} else if passed.ContentLength != 0 && passed.Header.Get("Content-Type") == "" {
		passed.Header.Set("Content-Type", "application/octet-stream") // else net/http would guess one
	}
	passed.Header.Del("Content-Length")
	if noLength := response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusNotModified; passed.ContentLength >= 0 && !noLength { // as it was read, and once
		passed.Header.Set("Content-Length", strconv.FormatInt(passed.ContentLength, 10))
	}
	switch {
	case e.redirected: // caches would not see what the redirects say of freshness
		passed.Header.Set("Cache-Control", "no-store")
	case e.secret:
		keepPrivate(passed.Header)
	}
	passed.Body = responseBody{Reader: body, Closer: response.Body, fail: e.fail}
	return passed, nil
}

// encodingOf returns how the content of a response is encoded.
func encodingOf(h http.Header) string {
	return strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ",")))
}

// unpack makes the headers of a response that is compressed those of what is in it.
func unpack(response *http.Response) {
	h := response.Header
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"} {
		h.Del(name)
	}
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		h.Set("ETag", "W/"+tag)
	}
	response.ContentLength = -1
}

// keepPrivate keeps caches that others share from storing what was asked for with a secret of
// the config, unless the target lets them (RFC 9111, section 3.5): they do not see that there
// was one.
func keepPrivate(h http.Header) {
	if said, ok := directives(h); !ok || !said.has("public") && !said.has("s-maxage") {
		h.Add("Cache-Control", "private")
	}
}
