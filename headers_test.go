package caddycors

import (
	"net/http"
	"slices"
	"testing"
)

func TestNormalizeNames(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"content-type,x-one"}, "content-type,x-one"},
		{[]string{"Content-Type,X-One"}, "content-type,x-one"},
		{[]string{"x-a, x-b"}, "x-a,x-b"},
		{[]string{"x-a,\tx-b"}, "x-a,x-b"},
		{[]string{"a,,b"}, "a,b"},
		{[]string{",a"}, "a"},
		{[]string{"a,"}, "a"},
		{[]string{"a", "B, c"}, "a,b,c"},
		{[]string{""}, ""},
		{nil, ""},
	} {
		if got := normalizeNames(test.lines); got != test.want {
			t.Errorf("%q: got %q, want %q", test.lines, got, test.want)
		}
	}
}

func TestExposableNames(t *testing.T) {
	one := []string{"1"}
	h := http.Header{"X-B": one, "X-A": one, "X-None": nil, "Set-Cookie": one, "Access-Control-Allow-Origin": one, "Trailer:X-Late": one, "bad name": one}
	if got := exposableNames(h); got != "Date, X-A, X-B" {
		t.Errorf("got %q", got)
	}
	h["Date"] = nil // which keeps the server from adding one
	if got := exposableNames(h); got != "X-A, X-B" {
		t.Errorf("without a date, got %q", got)
	}
}

// TestVaryOfOthersIsNotWrittenTo shows that room behind a slice that somebody else
// holds is left alone.
func TestVaryOfOthersIsNotWrittenTo(t *testing.T) {
	shared := []string{"Accept", "theirs"}
	h := http.Header{"Vary": shared[:1], "vary": {"Cookie"}}
	f := make(fields, actualFields)
	found := f.removeOthers(h, false)
	f.mergeVary(h, found.vary, headerOrigin)
	if want := []string{"Accept", "theirs"}; !slices.Equal(shared, want) {
		t.Errorf("shared is %q", shared)
	}
	if want := []string{"Accept, Cookie, Origin"}; !slices.Equal(h["Vary"], want) || len(h) != 1 {
		t.Errorf("got %q", h)
	}
}
