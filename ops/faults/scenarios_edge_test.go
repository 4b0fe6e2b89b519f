//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"
)

func edgeFaults() []scenario {
	return []scenario{
		{"11 edge killed in flight", true, edgeKilled},
		{"12 edge told to end under load", false, edgeEnded},
		{"21 ten thousand slow clients", false, slowClients},
	}
}

// edgeKilled: a burst is in flight when the edge is killed, since the brokers keep quiet. Those that got no answer are unknown, and
// nothing else is.
func edgeKilled(r *run) {
	r.open(setup{})
	e := r.edges[0]
	for _, b := range r.cluster.brokers {
		b.freeze()
	}
	from := time.Now()
	var burst sync.WaitGroup
	for range 200 {
		burst.Go(func() {
			phone, key, _ := r.load.next()
			r.load.send(phone, key, 0, e.url)
		})
	}
	await(r.T, "the burst is in flight", func() (bool, string) {
		n := inFlight(e.process)
		return n >= 100, fmt.Sprint(n)
	})
	e.kill()
	for _, b := range r.cluster.brokers {
		b.thaw()
	}
	burst.Wait()
	n := unanswered(r.load.since(from))
	r.bite(fmt.Sprintf("%d requests without an answer", n), n > 0) // on a slow machine most of them have been told "unknown" by then
	r.again(e)
	await(r.T, "the edge is ready again", func() (bool, string) { return get(e.url+"/readyz") == http.StatusOK, e.url })
	r.holds()
}

// edgeEnded: it stops listening, answers what it has taken, and ends.
func edgeEnded(r *run) {
	// Two connections an edge, which are busy all the time. On one that has been idle for long, a request may cross with the edge's
	// closing it; and one that is being made when the edge stops listening may be the kernel's, and never the edge's. No server can
	// answer those.
	r.open(setup{perSec: 200, connections: 2})
	e := r.edges[0]
	from := time.Now()
	e.signal(syscall.SIGTERM)
	select {
	case <-e.done:
	case <-time.After(20 * time.Second):
		r.Fatal("the edge did not end within 20 s")
	}
	took := time.Since(from)
	r.lasts(time.Second)
	since := r.load.since(from.Add(-100 * time.Millisecond))
	r.bite(fmt.Sprintf("it ended after %s, %d were turned away", round(took), count(since, refused)),
		!e.running() && count(since, refused) > 0)
	n := unanswered(since)
	r.measure("%d requests without an answer", n)
	for _, each := range since {
		if each.Outcome == unknown && each.Status == 0 {
			r.Logf("without an answer: edge %d, %s after the signal, took %s: %s", each.Edge, each.Began.Sub(from), each.Took, each.Error)
		}
	}
	r.expect("every request answered", n == 0)
	r.expect("exit code 0", e.cmd.ProcessState.ExitCode() == 0)
	r.again(e)
	r.holds()
}

// slowClients: ten thousand connections that send a byte now and then. Those who are healthy do not wait twice as long for it.
//
// The crowd takes half a processor of the same machine, wherever it goes, and everybody waits for that. So it goes to a bare server first.
func slowClients(r *run) {
	r.open(setup{})
	r.lasts(10 * time.Second)
	_, before := slowest(r.load.since(r.load.began.Add(3 * time.Second)))
	elsewhere, _ := r.crowdAt(r.startBare())
	from := time.Now()
	during, open := r.crowdAt(r.edges[0].url)
	r.bite(fmt.Sprintf("%d slow connections at once", open), open > 9000)
	r.measure("p99 of the healthy %s before, %s with them at a bare server, %s with them at the edge",
		before.Round(time.Millisecond), elsewhere.Round(time.Millisecond), during.Round(time.Millisecond))
	r.expect("p99 of the healthy less than twice what it is without them or with them at a bare server, or less than 50 ms",
		atMost(during, 2*max(before, elsewhere)) || atMost(during, 50*time.Millisecond))
	r.takesLeads(from)
	r.holds()
}

// crowdAt has a slow crowd come to a server for 20 s, and returns the p99 of those who are healthy meanwhile, and how many came.
func (r *run) crowdAt(url string) (p99 time.Duration, open int64) {
	r.Helper()
	crowd := r.gather10k(url)
	from := time.Now()
	r.lasts(20 * time.Second)
	_, p99 = slowest(r.load.since(from))
	open = crowd.open()
	crowd.leave()
	return p99, open
}
