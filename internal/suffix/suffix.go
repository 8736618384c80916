// Package suffix answers whose a name below a domain name is, by the public suffix
// list (https://publicsuffix.org/).
package suffix

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

//go:generate go run gen.go

// parent is a name that is no public suffix, and a public suffix beneath it.
type parent struct{ name, suffix string }

// Open returns the public suffix by which strangers can get names below name: name
// itself ("github.io"), or one that lies beneath it ("s3.amazonaws.com" for
// "amazonaws.com"; "*.ck" for "ck", where any label makes one). It returns "" if
// there is none, so that all names below name are its owner's. ICANN and private
// suffixes count alike. The name is in lower case and ASCII, without a trailing dot.
//
// A top-level domain that the list does not know counts as somebody's own
// ("internal").
func Open(name string) string {
	if suffix, icann := publicsuffix.PublicSuffix(name); suffix == name && (icann || strings.Contains(suffix, ".")) {
		return name
	}
	i, found := slices.BinarySearchFunc(parents[:], name, func(p parent, name string) int {
		return cmp.Compare(p.name, name)
	})
	if !found {
		return ""
	}
	return parents[i].suffix
}

// Registry reports whether anybody can register names right below name, in the part of
// the list that is about registries: "com", but not "github.io".
func Registry(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && suffix == name
}

// Owned reports whether name is a registrable domain or lies below one, and all names
// below it are its owner's. A top-level domain never is, known to the list or not.
func Owned(name string) bool {
	_, err := publicsuffix.EffectiveTLDPlusOne(name)
	return err == nil && Open(name) == ""
}
