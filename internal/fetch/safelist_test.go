package fetch

import (
	"slices"
	"strings"
	"testing"
)

func TestIsSafelistedRequestHeader(t *testing.T) {
	long := strings.Repeat("a", maxSafelistedValue)
	for _, test := range []struct {
		name, value string
		want        bool
	}{
		{"Accept", "application/json, */*;q=0.8", true},
		{"accept", "", true},
		{"Accept", "a\tb", true},
		{"Accept", "a\x00b", false},
		{"Accept", "a\x7f", false},
		{"Accept", `text/html;x="y"`, false},
		{"Accept", "(comment)", false},
		{"Accept", "\xff", true},
		{"Accept", long, true},
		{"Accept", long + "a", false},
		{"Accept-Language", "de-DE, en;q=0.5, *", true},
		{"Accept-Language", "de_DE", false},
		{"Accept-Language", "\xe4", false},
		{"Content-Language", "en", true},
		{"Content-Language", "en/de", false},
		{"Content-Type", "text/plain", true},
		{"Content-Type", "TEXT/PLAIN;charset=utf-8", true},
		{"Content-Type", " multipart/form-data ; boundary=x", true},
		{"Content-Type", "application/x-www-form-urlencoded", true},
		{"Content-Type", "application/json", false},
		{"Content-Type", "text/plain, application/json", false},
		{"Content-Type", "text/html", false},
		{"Content-Type", "text /plain", false},
		{"Content-Type", `text/plain; x="y"`, false},
		{"Content-Type", "", false},
		{"Range", "bytes=0-", true},
		{"Range", "bytes=0-499", true},
		{"Range", "bytes=00-0", true},
		{"Range", "bytes=5-10", true},
		{"Range", "bytes=10-5", false},
		{"Range", "bytes=99999999999999999999-100000000000000000000", true},
		{"Range", "bytes=-500", false},
		{"Range", "bytes=-", false},
		{"Range", "bytes=0-1,5-6", false},
		{"Range", "bytes=a-b", false},
		{"Range", "bytes= 0-", false},
		{"Range", "bytes=0", false},
		{"Range", "0-5", false},
		{"Range", "lines=0-", false},
		{"Authorization", "Basic eA==", false},
		{"X-Requested-With", "XMLHttpRequest", false},
	} {
		if got := IsSafelistedRequestHeader(Header{test.name, test.value}); got != test.want {
			t.Errorf("%s: %.40q: %v", test.name, test.value, got)
		}
	}
}

func TestUnsafeNames(t *testing.T) {
	var long []Header // 8 times 128 bytes
	for range maxSafelistedValues / maxSafelistedValue {
		long = append(long, Header{"Accept", strings.Repeat("a", maxSafelistedValue)})
	}
	for _, test := range []struct {
		name    string
		headers []Header
		want    string
	}{
		{"none", nil, ""},
		{"safelisted", []Header{{"Accept", "a"}, {"Content-Type", "text/plain"}}, ""},
		{"sorted, in lower case, each once", []Header{{"X-B", ""}, {"Authorization", ""}, {"x-b", ""}, {"X-A", ""}}, "authorization x-a x-b"},
		{"1024 bytes", long, ""},
		{"1025 bytes", append(slices.Clip(long), Header{"Range", "bytes=0-"}), "accept range"},
		{"one of two values", []Header{{"Accept", "a"}, {"Accept", `"`}}, "accept"},
	} {
		if got := strings.Join(UnsafeNames(test.headers), " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// FuzzUnsafeNames shows that names in a preflight are names, sorted, each once.
func FuzzUnsafeNames(f *testing.F) {
	f.Add("Content-Type", "application/json", "Range", "bytes=0-")
	f.Add("accept", strings.Repeat("a", 600), "Accept-Language", strings.Repeat("b", 600))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		headers := []Header{{name1, value1}, {name2, value2}}
		names := UnsafeNames(headers)
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%q", names)
		}
		for _, h := range headers {
			if !IsSafelistedRequestHeader(h) && !slices.Contains(names, strings.ToLower(h.Name)) {
				t.Errorf("%q is not in %q", h.Name, names)
			}
		}
	})
}
