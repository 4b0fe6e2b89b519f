//go:build faults

package faults

import (
	"fmt"
	"time"
)

func networkFaults() []scenario {
	return []scenario{
		{"8 edge cut from Kafka", true, edgeCut},
		{"9 slow and narrow network", false, slowNetwork},
	}
}

// edgeCut: every connection is gone, then there are connections that nothing comes through. 503 within 2.5 s, memory flat.
func edgeCut(r *run) {
	r.open(setup{proxied: true, perSec: 200})
	before := r.edgesMemory()
	from := time.Now()
	r.network.cut()
	r.lasts(8 * time.Second)
	cut := r.load.since(from)
	r.bite(fmt.Sprintf("%d answers of 503 while cut", count(cut, unknown)+count(cut, refused)), count(cut, unknown) > 0)
	r.expect("no 202 without a broker", count(cut, acknowledged) == 0)
	r.must(r.network.mend(r.Context()))
	r.awaitAcks(20)
	hole := time.Now()
	r.must(r.network.poison("timeout", `{"timeout":0}`))
	r.lasts(8 * time.Second)
	dark := r.load.since(hole.Add(500 * time.Millisecond)) // what was on its way may still arrive
	r.bite(fmt.Sprintf("%d answers of 503 in the dark", count(dark, unknown)+count(dark, refused)), count(dark, unknown) > 0)
	r.expect("no 202 without a broker", count(dark, acknowledged) == 0)
	grown := r.edgesMemory() - before
	longest, _ := slowest(append(cut, dark...))
	r.measure("slowest answer %s, memory of two edges grew by %d MiB", round(longest), grown>>20)
	r.expect("503 within 2.5 s, and half a second for the client", atMost(longest, 3*time.Second))
	r.expect("memory of the edges stays flat", grown < 2*64<<20)
	r.holds()
}

func (r *run) edgesMemory() (sum int64) {
	for _, e := range r.edges {
		sum += e.memory()
	}
	return sum
}

// slowNetwork: 200 ms more or less there and back, and 1 Mbit/s a connection: the edge sheds what it can't carry, and goes on.
func slowNetwork(r *run) {
	r.open(setup{proxied: true, perSec: 400})
	quick := fastest(r.load.since(r.load.began))
	r.must(r.network.poison("latency", `{"latency":100,"jitter":50}`))
	r.must(r.network.poison("bandwidth", `{"rate":125}`)) // KB/s
	r.lasts(2 * time.Second)
	from := time.Now()
	r.lasts(20 * time.Second)
	slow := r.load.since(from)
	longest, _ := slowest(slow)
	r.bite(fmt.Sprintf("fastest ack from %s to %s", quick.Round(time.Millisecond), fastest(slow).Round(time.Millisecond)),
		quick < 100*time.Millisecond && fastest(slow) >= 100*time.Millisecond)
	r.measure("%d acknowledged, %d shed, %d unknown of %d, slowest %s", count(slow, acknowledged), count(slow, refused), count(slow, unknown),
		len(slow), round(longest))
	r.expect("no collapse: half of all are acknowledged at the least", 2*count(slow, acknowledged) > len(slow))
	r.expect("every answer in time", atMost(longest, 3*time.Second))
	r.holds()
}

// fastest is the shortest time that an acknowledgement took.
func fastest(some []receipt) time.Duration {
	shortest := time.Hour
	for _, r := range some {
		if r.Outcome == acknowledged {
			shortest = min(shortest, r.Took)
		}
	}
	return shortest
}
