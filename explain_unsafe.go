package caddycors

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	// maxSafelistedBytes is how long the value of a safelisted header may be.
	maxSafelistedBytes = 128
	// maxAllSafelistedBytes is how long all of them may be together.
	maxAllSafelistedBytes = 1024
)

var (
	safelistedLanguage = regexp.MustCompile(`^[0-9A-Za-z *,.;=-]*$`)
	safelistedRange    = regexp.MustCompile(`^bytes=[0-9]+-[0-9]*$`)
)

// unsafeHeaderNames returns the names of the headers that a page may not set without
// leave, in lower case and sorted (Fetch, "CORS-unsafe request-header names").
func unsafeHeaderNames(h http.Header) []string {
	var names, safelisted []string
	size := 0
	for name, values := range h {
		name = strings.ToLower(name)
		unsafe := func(value string) bool { return !isSafelistedRequestHeader(name, value) }
		if slices.ContainsFunc(values, unsafe) {
			names = append(names, name)
			continue
		}
		safelisted = append(safelisted, name)
		for _, value := range values {
			size += len(value)
		}
	}
	if size > maxAllSafelistedBytes {
		names = append(names, safelisted...)
	}
	slices.Sort(names)
	return names
}

// isSafelistedRequestHeader reports whether a header needs no leave (Fetch,
// "CORS-safelisted request-header"). The name is in lower case.
func isSafelistedRequestHeader(name, value string) bool {
	if len(value) > maxSafelistedBytes {
		return false
	}
	switch name {
	case "accept":
		return !strings.ContainsFunc(value, isUnsafeRune)
	case "accept-language", "content-language":
		return safelistedLanguage.MatchString(value)
	case "content-type":
		essence, _, _ := strings.Cut(strings.ToLower(value), ";")
		switch strings.TrimSpace(essence) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
			return !strings.ContainsFunc(value, isUnsafeRune)
		}
	case "range":
		return safelistedRange.MatchString(value)
	}
	return false
}

// isUnsafeRune reports whether r is a CORS-unsafe request-header byte (Fetch).
func isUnsafeRune(r rune) bool {
	return r < 0x20 && r != '\t' || r == 0x7f || strings.ContainsRune(`"():<>?@[\]{}`, r)
}
