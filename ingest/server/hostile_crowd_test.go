package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// Clients that hang up in the middle of a body leave nothing. Those that hang up after it have left a lead, and it is kept.
func TestHangUpsChangeNobodysAnswerAndLoseNoLead(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t)
	const each = 100
	var mu sync.Mutex
	left := make(map[string]bool)
	leave := func() string {
		mu.Lock()
		defer mu.Unlock()
		p := phone()
		left[p] = true
		return p
	}
	var wg sync.WaitGroup
	for range each {
		wg.Go(func() { hangUp(t, e, request("POST /api/submit", "", asJSON, "Content-Length: 25")+`{"phone":"+98`) })
		wg.Go(func() { hangUp(t, e, submission(`{"phone":"`+leave()+`"}`)) })
		wg.Go(func() {
			if answer := e.submit(leave()); answer.status != http.StatusAccepted {
				t.Errorf("somebody who stays: %d %s", answer.status, answer.body)
			}
		})
	}
	wg.Wait()
	ingesttest.Eventually(t, "all are answered, heard or not", func() bool {
		return metric(e, `leadlog_edge_outcomes_total{outcome="acked"}`) == 2*each &&
			metric(e, `leadlog_edge_outcomes_total{outcome="rejected"}`) == each
	})
	log := ingesttest.Log(t, cluster.ListenAddrs(), events.Topic)
	for _, event := range log {
		if !left[event.Phone] {
			t.Errorf("nobody left %s", event.Phone)
		}
		delete(left, event.Phone)
	}
	if len(log) != 2*each || len(left) != 0 {
		t.Errorf("%d events, and %d leads are missing", len(log), len(left))
	}
}

func hangUp(t *testing.T, e *edge, bytes string) {
	t.Helper()
	conn, err := net.Dial("tcp", e.url[len("http://"):])
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := fmt.Fprint(conn, bytes); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
}

// An address that storms gets its limit and no more, and everybody else is answered meanwhile.
func TestAStormOfOneAddressIsItsOwnProblem(t *testing.T) {
	t.Parallel()
	const limit, storm, others = 5, 400, 20
	source := newMemoryListener("203.0.113.7:1000")
	listeners := []net.Listener{source}
	var quiet []*memoryListener
	for i := range others {
		quiet = append(quiet, newMemoryListener(fmt.Sprintf("198.51.100.%d:1000", i+1)))
		listeners = append(listeners, quiet[i])
	}
	e, cluster, _ := newEdge(t, func(c *server.Config) {
		c.ExtraPublic, c.RateLimit = listeners, limit
		c.RedisURL = "" // counted in memory: on a busy machine Redis may be taken for away, and the count begin again
	})
	var mu sync.Mutex
	statuses := make(map[int]int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			stormer := from(t, e, source)
			for range storm / 16 {
				answer := stormer.submit(phone())
				if answer.status == http.StatusTooManyRequests && answer.header.Get("Retry-After") == "" {
					t.Error("a 429 without Retry-After")
				}
				mu.Lock()
				statuses[answer.status]++
				mu.Unlock()
			}
		})
	}
	for _, ln := range quiet {
		wg.Go(func() {
			other := from(t, e, ln)
			for range limit {
				if answer := other.submit(phone()); answer.status != http.StatusAccepted {
					t.Errorf("somebody else: %d %s", answer.status, answer.body)
				}
			}
		})
	}
	wg.Wait()
	if statuses[http.StatusAccepted] != limit || statuses[http.StatusTooManyRequests] != storm-limit {
		t.Errorf("the storm was answered %v", statuses)
	}
	if n := len(ingesttest.Log(t, cluster.ListenAddrs(), events.Topic)); n != limit+others*limit {
		t.Errorf("%d events", n)
	}
}

// from is the edge as it is seen from an address.
func from(t *testing.T, e *edge, ln *memoryListener) *edge {
	t.Helper()
	seen := *e
	seen.client = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return ln.dial(), nil },
	}}
	t.Cleanup(seen.client.CloseIdleConnections)
	return &seen
}

// One phone with nine tenths of the posts, whose partition takes nothing: it fills its quarter of the budget, and the rest of it
// is refused at once. Everybody else is taken.
func TestAHotPhoneLeavesRoomForTheOthers(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t, func(c *server.Config) { c.Limits.MaxInflightRecords = 64 })
	hot := phone()
	fault := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{events.PartitionOf(hot)}, Err: kerr.NotEnoughReplicas, Count: -1,
	})
	defer fault.Remove()
	var mu sync.Mutex
	codes := make(map[string]int)
	var wg sync.WaitGroup
	for range 180 {
		wg.Go(func() {
			answer := e.submit(hot)
			mu.Lock()
			defer mu.Unlock()
			codes[parse(t, answer).Error]++
			if answer.header.Get("Retry-After") == "" {
				t.Error("a 503 without Retry-After")
			}
		})
	}
	for range 20 {
		other := phone()
		for events.PartitionOf(other) == events.PartitionOf(hot) {
			other = phone()
		}
		wg.Go(func() {
			if answer := e.submit(other); answer.status != http.StatusAccepted {
				t.Errorf("somebody else: %d %s", answer.status, answer.body)
			}
		})
	}
	wg.Wait()
	if codes["outcome_unknown"] != 64/4 || codes["overloaded"] != 180-64/4 {
		t.Errorf("the hot phone was answered %v", codes)
	}
}
