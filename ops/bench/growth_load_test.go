//go:build load

package bench

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

// growthEvents is the backlog of one measurement: enough for some seconds.
func growthEvents() int { return backlogSize() / 2 }

// BenchmarkGrowthPartitions drains the same number of events out of 1, 4 and 12 partitions.
func BenchmarkGrowthPartitions(b *testing.B) {
	for _, partitions := range []int32{1, 4, 12} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			for b.Loop() {
				rate, most := drainByPrograms(b, &backlog{partitions: partitions}, 1)
				figure(b, "growth: backlog in %d partitions | leads: %.0f events/s, %.0f MB at most", partitions, rate, most)
			}
		})
	}
}

// BenchmarkGrowthProcesses drains it with 1, 2 and 4 processes. On one machine they share its processors.
func BenchmarkGrowthProcesses(b *testing.B) {
	for _, processes := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(processes), func(b *testing.B) {
			for b.Loop() {
				rate, most := drainByPrograms(b, &backlog{}, processes)
				figure(b, "growth: %d projector processes | leads: %.0f events/s, %.0f MB at most each", processes, rate, most)
			}
		})
	}
}

// drainByPrograms has programs drain a backlog of leads, which is written while every partition is held: how long a group takes
// to form is not what is asked. It returns events a second, and the most memory that one of the programs had.
func drainByPrograms(b *testing.B, log *backlog, processes int) (rate, most float64) {
	b.Helper()
	log.brokers, log.topic, log.events = brokers(b), events.Topic, growthEvents()
	client := anew(b, log.brokers)
	stores := &catalog.Stores{URLs: catalog.URLs{Database: pgtest.New(b)}, Application: "leadlog-bench", Connections: 4}
	b.Cleanup(stores.Close)
	if err := catalog.Migrate(b.Context(), stores); err != nil {
		b.Fatal(err)
	}
	v := open(b, stores, "leads")
	programs := make([]*exec.Cmd, processes)
	for i := range programs {
		private := freeAddress(b)
		programs[i] = spawnWith(b, "projectors", []string{"leads"}, "KAFKA_BROKERS="+strings.Join(log.brokers, ","),
			"DATABASE_URL="+stores.URLs.Database, "PRIVATE_LISTEN="+private)
		awaitReady(b, "http://"+private)
	}
	positions := claimed(b, v, log.topic)
	hold(b, v, positions, true)
	log.fill(b, client)
	hold(b, v, positions, false)
	rate = followed(b, v, log.topic, int64(log.events))
	for _, p := range programs {
		most = max(most, memory(b, p, "VmHWM"))
	}
	return rate, most
}

// claimed waits until somebody has claimed every partition.
func claimed(b testing.TB, v view.View, topic string) []view.Position {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		positions, err := v.Positions(b.Context(), topic)
		if err != nil {
			b.Fatal(err)
		}
		if len(positions) == events.Partitions {
			return positions
		}
	}
	return nil
}

func hold(b testing.TB, v view.View, positions []view.Position, held bool) {
	b.Helper()
	for _, p := range positions {
		if _, err := v.Hold(b.Context(), p.Stream, held); err != nil {
			b.Fatal(err)
		}
	}
}

// open opens a view.
func open(b testing.TB, stores *catalog.Stores, name string) view.View {
	b.Helper()
	entries, err := catalog.Pick(stores.URLs, name)
	if err != nil {
		b.Fatal(err)
	}
	v, err := entries[0].Open(b.Context(), stores)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// followed watches a view until it has applied everything, and returns events a second since it began.
func followed(b *testing.B, v view.View, topic string, all int64) float64 {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var first int64
	var since time.Time
	for range tick.C {
		positions, err := v.Positions(b.Context(), topic)
		if err != nil {
			b.Fatal(err)
		}
		var sum int64
		for _, p := range positions {
			sum += p.Next
		}
		if first == 0 && sum > 0 {
			first, since = sum, time.Now()
		}
		if sum >= all && first >= all/2 {
			b.Fatalf("%d events are too few to see how fast they are applied", all)
		}
		if sum >= all {
			return float64(sum-first) / time.Since(since).Seconds()
		}
	}
	return 0
}
