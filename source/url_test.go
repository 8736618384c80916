package source

import (
	"strings"
	"testing"
)

// TestShownURL shows what is told of a URL, and that nothing in it that is secret is.
func TestShownURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://tenants.example.com/origins":                    "https://tenants.example.com/origins",
		"http://u:s3cret@a.example:8080/b%2Fc?key=s3cret#s3cret": "http://a.example:8080/b%2Fc",
		"https://s3cret@a.example":                               "https://a.example",
		"https://a.example?":                                     "https://a.example",
		"https://{env.HOST}/?key=s3cret":                         "",
		"https://u:s3cret%zz@a.example/":                         "",
		"https://a.example/\x1b[31ms3cret":                       "",
		"{env.TENANTS_URL}":                                      "{env.TENANTS_URL}",
		"https://a.example/{env.TENANT}/list?key=s3cret":         "https://a.example/{env.TENANT}/list",
		"": "",
	} {
		if got := ShownURL(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := ShownURL("https://a.example/" + strings.Repeat("a", 10_000)); len(got) > 200 {
		t.Errorf("it shows %d bytes", len(got))
	}
}
