package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/projectors/catalog"
)

// A rewind of a partition without traffic takes effect within 2 s, and not at the next event.
func TestInterleaving2_AnIdlePartitionIsRewoundAtOnce(t *testing.T) {
	w := newOperated(t)
	w.projectors()
	partition := w.fill(40)[0].Partition
	for _, name := range []string{"leads", "audit", "dedup"} {
		shown := w.ops(0, "rewind", name, "--to-earliest", "--topic", fmt.Sprintf("%s:%d", events.Topic, partition))
		plan, _, _ := strings.Cut(strings.TrimPrefix(shown, "plan: "), "\n")
		began := time.Now()
		w.ops(0, "rewind", "--execute", "--plan", plan, "--reason", "a test", "--no-wait")
		w.await("the rows are back", w.caughtUpOften)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: %s until everything was applied again", name, took)
		}
	}
	w.ops(0, "verify")
}

// caughtUpOften is caughtUp by the positions and the ends alone, fast enough to measure with.
func (w *operated) caughtUpOften() bool {
	lag, err := w.control.Lag(w.Context())
	for _, row := range lag {
		if row.Lag != 0 {
			return false
		}
	}
	return err == nil
}

// Rewound while it applies as fast as it can: at no moment is there a row at or past the position.
func TestInterleaving3_NoRowIsLeftBehindThePosition(t *testing.T) {
	w := newOperated(t)
	w.projectors()
	w.fill(30)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.lead(fmt.Sprintf("0936%07d", i))
		}
	})
	all.Go(func() {
		for ctx.Err() == nil { // one statement is one moment
			var n int64
			err := w.pool.QueryRow(ctx, `select count(*) from landing_phone l join leadlog.position p
				on p.projection = 'leads' and p.partition = l.log_partition where l.log_offset >= p.next_offset`).Scan(&n)
			if err == nil && n > 0 {
				t.Errorf("%d rows at or past the position", n)
				return
			}
		}
	})
	for range 6 {
		w.execute("rewind", "leads", "--to-earliest")
	}
	stop()
	all.Wait()
	w.await("the views", w.caughtUp)
	w.ops(0, "verify")
}

// PostgreSQL comes back from a backup that is older than an erasure: the view catches up, and forgets the record again.
func TestInterleaving5_ARestoredBackupForgetsWhatWasErasedMeanwhile(t *testing.T) {
	w := newOperated(t)
	running := w.projectors()
	erased := w.fill(30)[0]
	running.end(t)
	w.backup("old")
	running = w.projectors()
	w.lead("09371234567")
	w.check(w.kafka.ProduceSync(t.Context(), tombstone(erased)).FirstErr()) // all that there is of its phone
	w.await("the record is forgotten", func() bool {
		return w.count(`select count(*) from landing_phone where record_id = $1`, string(erased.Key)) == 0
	})
	running.end(t)
	w.restoreBackup("old")
	if n := w.count(`select count(*) from landing_phone where record_id = $1`, string(erased.Key)); n != 1 {
		t.Fatalf("the backup holds the record %d times: this test has nothing to test", n)
	}
	w.projectors()
	w.await("the record is forgotten again", func() bool {
		return w.count(`select count(*) from landing_phone where record_id = $1`, string(erased.Key)) == 0
	})
	w.await("every position", w.positionsAtEnd)
	w.ops(0, "verify")
}

// positionsAtEnd is caughtUp for a log that holds tombstones.
func (w *operated) positionsAtEnd() bool {
	w.Helper()
	for _, entry := range catalog.All() {
		v, err := entry.Open(w.Context(), w.stores)
		w.check(err)
		positions, err := v.Positions(w.Context(), events.Topic)
		w.check(err)
		if len(positions) != events.Partitions {
			return false
		}
	}
	return w.caughtUpOften()
}
