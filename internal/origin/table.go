package origin

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// table is a set of strings that takes little more memory than their bytes, and is
// looked up in the time of two cache misses. All strings stand in one text, in buckets
// by their hash; where a bucket starts is all that is stored beside it. So there is
// nothing in it for the garbage collector to follow. The zero value is an empty table.
type table struct {
	seed   maphash.Seed // of its own, so that nobody can choose strings of one bucket
	text   []byte       // the strings, each behind its length in two bytes
	starts []int        // of the buckets in text, and its end
}

// tableBucket is how many strings a bucket has, on average. With fewer, the starts take more
// memory; with more, there is more to compare.
const tableBucket = 3

// newTable returns the table of these strings. Of those that are given several times it
// takes one. It calls pause each time that one is due.
func newTable(list packed, pause func()) table {
	if list.count == 0 {
		return table{}
	}
	t := table{seed: maphash.MakeSeed(), starts: make([]int, list.count/tableBucket+2)}
	order := t.order(list, pause)
	t.text = make([]byte, 0, len(list.text))
	for b := range len(t.starts) - 1 {
		start := len(t.text)
		for i := t.starts[b]; i < t.starts[b+1]; i++ {
			pauseAt(i, pause)
			if s, _ := next(list.text[order[i]:]); !isTwice(t.text[start:], s) {
				t.text = append(t.text, s...)
			}
		}
		t.starts[b] = start
	}
	t.starts[len(t.starts)-1] = len(t.text)
	if len(t.text) < len(list.text)*7/8 { // much was given several times
		t.text = bytes.Clone(t.text)
	}
	return t
}

// order returns where the strings of a list are in its text, those of the first bucket first, and
// sets starts to where each bucket starts in the order. Strings are stored one behind the other
// then: to find its place for each one, and look for it there, takes twice the time.
func (t *table) order(list packed, pause func()) []int {
	buckets := make([]int, list.count) // of each string
	rest := list.text
	for i := range buckets {
		pauseAt(i, pause)
		var s []byte
		s, rest = next(rest)
		buckets[i] = t.bucketOf(s)
		t.starts[buckets[i]]++
	}
	// From how many strings buckets have to where they end.
	end := 0
	for b, count := range t.starts {
		end += count
		t.starts[b] = end
	}
	// Each bucket is filled from its end, so that in the end its start is left.
	order := make([]int, list.count)
	rest = list.text
	for i, b := range buckets {
		pauseAt(i, pause)
		t.starts[b]--
		order[t.starts[b]] = len(list.text) - len(rest)
		_, rest = next(rest)
	}
	return order
}

// pauseAt calls pause if one is due ahead of the string with this number. All are gone through
// three times.
func pauseAt(i int, pause func()) {
	if i%(3*PauseEvery) == 3*PauseEvery-1 {
		pause()
	}
}

// inBucket reports whether s is one of the strings in a bucket's text.
func inBucket(bucket []byte, s string) bool {
	for len(bucket) > 0 {
		length := int(bucket[0]) | int(bucket[1])<<8
		bucket = bucket[lengthBytes:]
		if length == len(s) && string(bucket[:length]) == s {
			return true
		}
		bucket = bucket[length:]
	}
	return false
}

// isTwice is inBucket for a string that is behind its length, as those in the bucket are.
func isTwice(bucket, s []byte) bool {
	for len(bucket) > 0 {
		var other []byte
		if other, bucket = next(bucket); bytes.Equal(other, s) {
			return true
		}
	}
	return false
}

func (t *table) empty() bool { return len(t.starts) == 0 }

// bucket returns the bucket of a hash. It maps hashes to buckets without a division.
func (t *table) bucket(hash uint64) int {
	b, _ := bits.Mul64(hash, uint64(len(t.starts)-1))
	return int(b)
}

// bucketOf returns the bucket of a string that is behind its length.
func (t *table) bucketOf(s []byte) int { return t.bucket(maphash.Bytes(t.seed, s[lengthBytes:])) }

// has reports whether s is in the table. It allocates nothing.
func (t *table) has(s string) bool {
	if t.empty() {
		return false
	}
	b := t.bucket(maphash.String(t.seed, s))
	return inBucket(t.text[t.starts[b]:t.starts[b+1]], s)
}
