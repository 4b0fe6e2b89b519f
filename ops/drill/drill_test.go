package drill_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// Whatever happens to the views, in whatever order, they end as the log says.
func TestAnySequenceEndsWithTheViewsEqualToTheLog(t *testing.T) {
	t.Parallel()
	first, count := setting(t, "first"), setting(t, "sequences")
	if seed := setting(t, "seed"); seed != 0 {
		first, count = seed, 1
	}
	began := time.Now()
	var all errgroup.Group // and not t.Parallel, which runs as many as there are processors
	all.SetLimit(int(setting(t, "at-once")))
	for seed := first; seed < first+count; seed++ {
		all.Go(func() error {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { sequence(t, seed) })
			return nil
		})
	}
	_ = all.Wait() // each has reported itself
	t.Logf("seeds %d to %d: %d sequences in %s, failed: %v", first, first+count-1, count, time.Since(began).Round(time.Second), t.Failed())
}

// sequence runs the steps that a seed says, and then looks at what they have left.
func sequence(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	d := &drill{T: t, random: random, began: time.Now(), onMongo: seed%2 == 1 && os.Getenv("MONGODB_URI") != ""}
	defer func() {
		if t.Failed() || setting(t, "seed") == seed {
			t.Logf("to try it again: go test ./ops/drill -seed %d\nsteps:\n  %s", seed, strings.Join(d.steps, "\n  "))
		}
	}()
	d.open()
	if d.random.IntN(4) > 0 {
		d.append(20)
	}
	d.start()
	d.awaitPositions()
	for range 6 + d.random.IntN(9) {
		d.step()
	}
	d.settle()
	d.check()
}
