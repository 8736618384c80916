// Package tenants makes long lists of origins that look like those of a service with many
// customers. The same number gives the same list, so that all that is measured is
// measured with the same one.
package tenants

import (
	"math/rand/v2"
	"strings"
)

// Stranger looks like an origin of the lists, and is in none of them.
const Stranger = "https://nobody-here.shops.example.net"

// Most is how many distinct origins there are.
const Most = 100 * 100 * 100 * 100

var (
	consonants = "bcdfghjklmnpqrstvwxz"
	vowels     = "aeiou"
	affixes    = [][2]string{{"", ""}, {"", "-hq"}, {"my-", ""}, {"", "-shop"}, {"the-", ""}, {"", "-co"}}
	domains    = []string{"ws.test", "example.com", "eu.example.com", "shops.example.net", "apps.example.org"}
)

// Origins returns n distinct origins of 24 to 39 bytes, each in memory of its own, as a
// config that was read has them. There are no more than [Most].
func Origins(n int) []string {
	origins := make([]string, n)
	for i := range origins {
		origins[i] = origin(i)
	}
	return origins
}

// origin returns the origin of a number. The syllables differ for all numbers, as the
// factor has no divisor in common with [Most], and no affix can be taken for them.
func origin(i int) string {
	const factor = 48_271_903
	scattered := i * factor % Most
	affix := affixes[scattered%len(affixes)]
	domain := domains[scattered/7%len(domains)]
	var b strings.Builder
	b.Grow(len("https://") + len(affix[0]) + 8 + len(affix[1]) + len(".") + len(domain))
	b.WriteString("https://" + affix[0])
	for range 4 {
		b.WriteByte(consonants[scattered%20])
		b.WriteByte(vowels[scattered/20%5])
		scattered /= 100
	}
	b.WriteString(affix[1] + "." + domain)
	return b.String()
}

// Shuffled returns origins in a random order, the same each time. They lie behind one
// another in memory, as what a server has just read from a connection is at hand: it is
// what they are looked up in that is cold.
func Shuffled(origins []string) []string {
	var all strings.Builder
	all.Grow(Bytes(origins))
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(origins))
	for _, i := range order {
		all.WriteString(origins[i])
	}
	shuffled := make([]string, len(origins))
	rest := all.String()
	for at, i := range order {
		size := len(origins[i])
		shuffled[at], rest = rest[:size], rest[size:]
	}
	return shuffled
}

// Bytes returns how many bytes the origins have, all together.
func Bytes(origins []string) int {
	sum := 0
	for _, origin := range origins {
		sum += len(origin)
	}
	return sum
}
