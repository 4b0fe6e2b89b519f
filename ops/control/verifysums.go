package control

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/google/uuid"
)

// bucketBits says how many offsets share one sum: 4096.
const bucketBits = 12

// sum is the number of rows in a bucket, and two sums of their hashes: 128 bits that rows in any order add up to.
type sum struct {
	rows int64
	a, b uint64
}

// sums are those of a partition, by bucket. A row below offset 0, which only a stranger writes, counts in the first one.
type sums []sum

func newSums(end int64) sums { return make(sums, bucketOf(end-1)+1) }

func bucketOf(offset int64) int64 { return max(offset, 0) >> bucketBits }

func (s sums) add(offset int64, a, b uint64) {
	to := &s[bucketOf(offset)]
	to.rows++
	to.a += a
	to.b += b
}

// differing returns the buckets in which sums are not the same.
func (s sums) differing(from sums) []int64 {
	var buckets []int64
	for i := range s {
		if s[i] != from[i] {
			buckets = append(buckets, int64(i))
		}
	}
	return buckets
}

// seeds make the hashes of one verification: nobody can prepare rows that cancel each other out.
type seeds [2]maphash.Seed

func newSeeds() seeds { return seeds{maphash.MakeSeed(), maphash.MakeSeed()} }

// hasher hashes rows. Each goroutine has its own.
type hasher struct {
	seeds seeds
	bytes []byte
}

func (h *hasher) of(record uuid.UUID, offset int64, text string) (a, b uint64) {
	h.bytes = binary.BigEndian.AppendUint64(h.bytes[:0], uint64(offset))
	h.bytes = append(append(h.bytes, record[:]...), text...)
	return maphash.Bytes(h.seeds[0], h.bytes), maphash.Bytes(h.seeds[1], h.bytes)
}
