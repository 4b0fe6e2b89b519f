package dedup_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"leadlog/events"
	"leadlog/projectors/redisstore/redistest"
)

// randomLog has a few phones over four days, a clock that now and then goes backwards, and tombstones of single records.
func randomLog(random *rand.Rand, n int) []events.Event {
	base := ago(96)
	log := make([]events.Event, n)
	for i := range log {
		t := base.Add(time.Duration(i) * 96 * time.Hour / time.Duration(n))
		if random.IntN(10) == 0 {
			t = t.Add(-time.Duration(random.Int64N(int64(60 * time.Hour))))
		}
		log[i] = event(int64(i), fmt.Sprintf("+98912000000%d", random.IntN(6)), t)
		if i > 0 && random.IntN(12) == 0 {
			if of := log[random.IntN(i)]; !of.Tombstone {
				log[i] = tombstone(int64(i), of)
			}
		}
	}
	return log
}

// inBatches applies a log from an offset on, in batches of random sizes.
func (f *folding) inBatches(random *rand.Rand, log []events.Event, from int64) {
	f.Helper()
	for from < int64(len(log)) {
		to := min(from+1+random.Int64N(20), int64(len(log)))
		f.apply(log[from:to]...)
		from = to
	}
}

// No key depends on how the log is cut into batches.
func TestAnyCutGivesTheSameKeys(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 1))
			log := randomLog(random, 120)
			f := start(t, client)
			for i := range log {
				f.apply(log[i])
			}
			want := f.dump()
			for range 3 {
				if err := client.FlushDB(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				f = start(t, client)
				f.inBatches(random, log, 0)
				if diff := cmp.Diff(want, f.dump()); diff != "" {
					t.Fatalf("seed %d (-one by one +cut):\n%s", seed, diff)
				}
			}
			if err := client.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A rewind removes nothing, and the log is folded again over what is there. However far it goes back, as long as the keys
// are there that the fold then needs, the windows are those of before.
func TestFoldedAgainInPlace(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 2))
			log := randomLog(random, 120)
			f := start(t, client)
			f.inBatches(random, log, 0)
			want := f.dump()
			for range 3 {
				to := erasedBefore(log, random.Int64N(int64(len(log))))
				f.rewind(to)
				if diff := cmp.Diff(want, f.dump()); diff != "" {
					t.Fatalf("seed %d: a rewind changed keys:\n%s", seed, diff)
				}
				f.claim(f.at.Stream)
				f.inBatches(random, log, to)
				if diff := cmp.Diff(want, f.dump()); diff != "" {
					t.Fatalf("seed %d, from %d on (-before +after):\n%s", seed, to, diff)
				}
			}
			if err := client.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// erasedBefore moves an offset to where no later tombstone has taken away what the fold needs from there on: behind the
// last tombstone.
func erasedBefore(log []events.Event, offset int64) int64 {
	for i := len(log) - 1; i >= 0; i-- {
		if log[i].Tombstone {
			return max(offset, int64(i)+1) % int64(len(log))
		}
	}
	return offset
}
