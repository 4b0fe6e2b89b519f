package server_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
)

// Requests that are in flight when the edge is told to end all get an answer, however slow the brokers are, and what the
// brokers had not answered by then is sent before the end.
func TestTheEndAnswersWhatIsInFlight(t *testing.T) {
	t.Parallel()
	e, cluster, _ := newEdge(t)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	const inFlight = 100
	told := make(chan string, inFlight)
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			answer, err := e.trySubmit(phone())
			if err != nil {
				t.Errorf("no answer: %v", err)
				return
			}
			if got := parse(t, answer); answer.status != http.StatusServiceUnavailable || got.Error != "outcome_unknown" {
				t.Errorf("%d %s", answer.status, answer.body)
			} else {
				told <- got.ID
			}
		})
	}
	ingesttest.Eventually(t, "all are in flight", func() bool { return metric(e, "leadlog_edge_inflight_records") == inFlight })
	e.end()
	ingesttest.Eventually(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	wg.Wait()
	fault.Remove()
	if err := <-e.ended; err != nil {
		t.Error(err)
	}
	e.ended <- nil
	log := make(map[string]bool)
	for _, event := range ingesttest.Log(t, cluster.ListenAddrs(), events.Topic) {
		log[event.EventID.String()] = true
	}
	close(told)
	for id := range told {
		if !log[id] {
			t.Errorf("%s was accepted, and was not sent before the end", id)
		}
	}
}

// Under load, connections that are kept alive are told to close and not cut.
func TestTheEndUnderLoadCutsNobodyOff(t *testing.T) {
	t.Parallel()
	e, _, _ := newEdge(t)
	var answered, refused atomic.Int64
	ending := make(chan struct{})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			mine := *e
			mine.client = client
			for {
				answer, err := mine.trySubmit(phone())
				switch {
				case err != nil && isRefused(err):
					refused.Add(1)
					return
				case err != nil:
					t.Errorf("a request got no answer: %v", err)
					return
				case answer.status != http.StatusAccepted:
					t.Errorf("%d %s", answer.status, answer.body)
					return
				}
				if answered.Add(1) == 500 {
					close(ending)
				}
			}
		})
	}
	<-ending
	e.end()
	wg.Wait()
	if refused.Load() != 32 {
		t.Errorf("%d of 32 clients saw the end", refused.Load())
	}
}

// isRefused says that a request was never sent, since nobody listens any more.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
