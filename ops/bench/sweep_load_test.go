//go:build load

package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

// BenchmarkSweepLinger loads the minimal handler with one linger after the other: no fixed one is the best everywhere.
func BenchmarkSweepLinger(b *testing.B) {
	if _, err := exec.LookPath("wrk"); err != nil {
		b.Skip("wrk is not installed")
	}
	for b.Loop() {
		anew(b, brokers(b))
		script := filepath.Join("testdata", "submit.lua")
		for _, linger := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond} {
			url := startMinimal(b, events.Topic, linger)
			wrk(b, url, script, 64) // a client that has just been started is slower
			for _, connections := range []int{16, 64, 512} {
				l := wrk(b, url, script, connections)
				figure(b, "sweep: linger %v, %d connections | minimal handler: %.0f req/s, p99 %.1f ms", linger, connections, l.rate, l.p99)
			}
		}
	}
}

// BenchmarkSweepBatches drains a backlog into the lead table with other batches, other numbers of them at a time, and other
// pools.
func BenchmarkSweepBatches(b *testing.B) {
	for b.Loop() {
		log := newBacklog(b)
		try := func(what string, t tuning) {
			log.tuning = t
			rate := log.drain(b, "leads", catalog.URLs{Database: pgtest.New(b)})
			figure(b, "sweep: %s | leads: %.0f events/s, %.0f MB heap at most", what, rate, log.heap/(1<<20))
		}
		try("as it is (also to warm up)", tuning{})
		for _, batch := range []int{200, 1000, 2000, 5000, 10_000} {
			try(fmt.Sprintf("batches of %d", batch), tuning{batch: batch})
		}
		for _, big := range []int{1, 2, 3, 6, 12} {
			try(fmt.Sprintf("%d big batches at a time", big), tuning{bigBatches: big})
		}
		for _, connections := range []int32{4, 8, 16, 32} {
			try(fmt.Sprintf("a pool of %d connections", connections), tuning{connections: connections})
		}
	}
}
