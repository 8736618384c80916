//go:build linux

package e2e

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// checkAgrees holds the exit status of `caddy cors check` against a row of a table, in
// which a person can see whether the page can read the response.
func checkAgrees(t *testing.T, address string, row exchange) {
	t.Helper()
	request, origin, ok := strings.Cut(row.request, "\nOrigin: ")
	if !ok {
		return // not a page's
	}
	method, path, _ := strings.Cut(request, " ")
	origin, asked, preflight := strings.Cut(origin, "\n")
	args := []string{"cors", "check", "http://" + address + path, "--origin", origin}
	if preflight {
		if method != "OPTIONS" || asked != "Access-Control-Request-Method: PUT\nAccess-Control-Request-Headers: x-any" {
			t.Fatalf("no page makes a browser send\n%s", row.request)
		}
		args = append(args, "-X", "PUT", "-H", "X-Any: 1")
	}
	want := 2
	if readable(row, origin) && (!preflight || row.status < 300 && grants(row, "Allow-Methods: ", "put") && grants(row, "Allow-Headers: ", "x-any")) {
		want = 0
	}
	out, status := runProgram(t, caddyBinary, args...)
	if status != want {
		t.Errorf("%s: status %d, want %d\n%s", strings.Join(args, " "), status, want, out)
	}
}

// readable reports whether a row has the page's origin, once.
func readable(row exchange, origin string) bool {
	allowed := slices.DeleteFunc(slices.Clone(row.lines), func(line string) bool { return !strings.HasPrefix(line, "Allow-Origin: ") })
	return len(allowed) == 1 && (allowed[0] == "Allow-Origin: *" || allowed[0] == "Allow-Origin: "+origin)
}

// grants reports whether a row has a word, or "*", in the list of a header.
func grants(row exchange, header, word string) bool {
	return slices.ContainsFunc(row.lines, func(line string) bool {
		list, ok := strings.CutPrefix(strings.ToLower(line), strings.ToLower(header))
		words := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
		return ok && (slices.Contains(words, word) || slices.Contains(words, "*"))
	})
}

// runProgram runs a program to its end, and returns what it wrote and its exit status.
func runProgram(t *testing.T, program string, args ...string) (output string, status int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if exited := new(exec.ExitError); errors.As(err, &exited) {
		return string(out), exited.ExitCode()
	}
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out), 0
}
