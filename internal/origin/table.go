package origin

import (
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

const (
	lengthBytes = 2 // no origin is longer than they can tell

	// tableBucket is how many strings a bucket has, on average. With fewer, the starts
	// take more memory; with more, there is more to compare.
	tableBucket = 3
)

// newTable returns the table of these strings. Of those that are given several times it
// takes one, as a bucket of a million would be slow. The list is overwritten. It calls
// pause each time that one is due.
func newTable(list []string, pause func()) table {
	if len(list) == 0 {
		return table{}
	}
	t := table{seed: maphash.MakeSeed(), starts: make([]int, len(list)/tableBucket+2)}
	size := 0
	for i, s := range list {
		pauseAt(i, pause)
		t.starts[t.bucket(s)] += lengthBytes + len(s)
		size += lengthBytes + len(s)
	}
	// From how long the buckets are to where they end.
	end := 0
	for b, length := range t.starts {
		end += length
		t.starts[b] = end
	}
	// Each bucket is filled from its end, so that in the end its start is left.
	t.text = make([]byte, size)
	ends := slices.Clone(t.starts)
	distinct := list[:0]
	for i, s := range list {
		pauseAt(i, pause)
		b := t.bucket(s)
		if inBucket(t.text[t.starts[b]:ends[b]], s) {
			continue
		}
		distinct = append(distinct, s)
		t.starts[b] -= lengthBytes + len(s)
		at := t.text[t.starts[b]:]
		at[0], at[1] = byte(len(s)), byte(len(s)>>8)
		copy(at[lengthBytes:], s)
	}
	if len(distinct) < len(list) {
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

func (t *table) empty() bool { return len(t.starts) == 0 }

// bucket returns the bucket of s. It maps the hash to the buckets without a division.
func (t *table) bucket(s string) int {
	b, _ := bits.Mul64(maphash.String(t.seed, s), uint64(len(t.starts)-1))
	return int(b)
}

// has reports whether s is in the table. It allocates nothing.
func (t *table) has(s string) bool {
	if t.empty() {
		return false
	}
	b := t.bucket(s)
	return inBucket(t.text[t.starts[b]:t.starts[b+1]], s)
}
