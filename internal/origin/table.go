package origin

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
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
// takes one, as a bucket of a million would be slow. The list is overwritten. It calls
// pause each time that one is due.
func newTable(list packed, pause func()) table {
	if list.count == 0 {
		return table{}
	}
	t := table{seed: maphash.MakeSeed(), starts: make([]int, list.count/tableBucket+2)}
	for i, rest := 0, list.text; len(rest) > 0; i++ {
		pauseAt(i, pause)
		var s []byte
		s, rest = next(rest)
		t.starts[t.bucketOf(s)] += len(s)
	}
	// From how long the buckets are to where they end.
	end := 0
	for b, length := range t.starts {
		end += length
		t.starts[b] = end
	}
	// Each bucket is filled from its end, so that in the end its start is left.
	t.text = make([]byte, len(list.text))
	ends := slices.Clone(t.starts)
	distinct := packed{text: list.text[:0]}
	for i, rest := 0, list.text; len(rest) > 0; i++ {
		pauseAt(i, pause)
		var s []byte
		s, rest = next(rest)
		b := t.bucketOf(s)
		if isTwice(t.text[t.starts[b]:ends[b]], s) {
			continue
		}
		t.starts[b] -= len(s)
		copy(t.text[t.starts[b]:], s)
		distinct.text = append(distinct.text, s...)
		distinct.count++
	}
	if distinct.count < list.count {
		return newTable(distinct, pause)
	}
	return t
}

// pauseAt calls pause if one is due ahead of what has this number.
func pauseAt(i int, pause func()) {
	if i%PauseEvery == PauseEvery-1 {
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
