//go:build faults

package faults

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// probe appends to a topic of its own all the time, as plainly as can be: what it gets no ack for within the edge's own limit is the
// machine's doing and the brokers', not the edge's.
type probe struct {
	client *kgo.Client
	mu     sync.Mutex
	tries  []try
	stop   context.CancelFunc
	all    sync.WaitGroup
}

type try struct {
	at    time.Time
	acked bool
}

const (
	probeTopic = "faults-probe"
	probeEvery = 100 * time.Millisecond
	ackTimeout = 2500 * time.Millisecond // the edge's
)

func newProbe(brokers []string) (*probe, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(probeTopic), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &probe{client: client, stop: cancel}
	p.all.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.all.Go(func() { p.try(ctx) })
			case <-ctx.Done():
				return
			}
		}
	})
	return p, nil
}

func (p *probe) try(ctx context.Context) {
	at, answer := time.Now(), make(chan error, 1)
	p.client.TryProduce(context.Background(), kgo.StringRecord("probe"), func(_ *kgo.Record, err error) { answer <- err })
	acked := false
	select {
	case err := <-answer:
		acked = err == nil
	case <-time.After(ackTimeout):
	case <-ctx.Done():
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries = append(p.tries, try{at, acked})
}

// failed counts the tries since a time, and those of them without an ack.
func (p *probe) failed(since time.Time) (failed, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tries {
		if t.at.Before(since) {
			continue
		}
		all++
		if !t.acked {
			failed++
		}
	}
	return failed, all
}

func (p *probe) end() {
	p.stop()
	p.all.Wait()
	p.client.Close()
}
