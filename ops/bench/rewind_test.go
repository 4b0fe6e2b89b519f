package bench

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

// BenchmarkRewind rewinds the lead table to the log's start while its projection runs, and compares the time until everything
// is back with that of the plain catch-up before.
func BenchmarkRewind(b *testing.B) {
	log := newBacklog(b)
	for b.Loop() {
		var back time.Duration
		rate := log.drainAnd(b, "leads", catalog.URLs{Database: pgtest.New(b)}, func(v view.View, ends map[int32]int64) {
			began := time.Now()
			rewindAll(b, v, log.topic)
			b.ReportMetric(time.Since(began).Seconds(), "s-to-remove")
			awaitEnds(b, v, log.topic, ends)
			back = time.Since(began)
		})
		caughtUp := time.Duration(float64(log.events) / rate * float64(time.Second))
		b.ReportMetric(caughtUp.Seconds(), "s-catch-up")
		b.ReportMetric(back.Seconds(), "s-rewind")
		b.ReportMetric(back.Seconds()/caughtUp.Seconds(), "of-catch-up")
	}
}

// rewindAll takes every partition back to its start, as many at a time as `ops rewind` does.
func rewindAll(b *testing.B, v view.View, topic string) {
	b.Helper()
	positions, err := v.Positions(b.Context(), topic)
	if err != nil {
		b.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(3)
	for _, at := range positions {
		group.Go(func() error {
			_, _, err := v.Rewind(b.Context(), at, 0, "bench")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}
