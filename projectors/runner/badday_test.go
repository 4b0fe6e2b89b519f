package runner_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/projectors/view"
)

// flaky is a view whose store is away for a while.
type flaky struct {
	view.View
	away atomic.Bool
	met  atomic.Int32 // calls that found it away
}

func (f *flaky) down() error {
	if f.away.Load() {
		f.met.Add(1)
		return fmt.Errorf("%w: a test", view.ErrStoreDown)
	}
	return nil
}

func (f *flaky) Claim(ctx context.Context, s view.Stream) (view.Position, error) {
	if err := f.down(); err != nil {
		return view.Position{}, err
	}
	return f.View.Claim(ctx, s)
}

// Apply writes, and then can't tell: the worst of answers.
func (f *flaky) Apply(ctx context.Context, at view.Position, to view.Mark, batch []events.Event) (view.Position, error) {
	moved, err := f.View.Apply(ctx, at, to, batch)
	if down := f.down(); down != nil {
		return at, down
	}
	return moved, err
}

func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	store := &flaky{View: p.view}
	p.view = store
	r := p.start()
	p.leads(1, watched)
	p.awaitRows(1)
	store.away.Store(true)
	p.leads(2, watched)
	p.await("a few tries", func() bool { return store.met.Load() > 3 })
	if n := strings.Count(r.log.String(), "state=waiting"); n != 1 {
		t.Errorf("%d lines about waiting, want 1", n)
	}
	store.away.Store(false)
	p.leads(1, watched)
	p.awaitRows(4) // what was written without an answer is there once
	p.await("the position", func() bool { return p.position().Next == 4 })
}

// Poison in front of a store that is away is parked once, and not with every try.
func TestPoisonIsNotParkedAgainWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	store := &flaky{View: p.view}
	p.view = store
	p.start()
	p.leads(1, watched)
	p.awaitRows(1)
	p.produce(poison())
	p.await("a letter", func() bool { return len(p.letters()) == 1 })
	store.away.Store(true)
	p.produce(poison())
	p.await("a few tries", func() bool { return store.met.Load() > 3 })
	store.away.Store(false)
	p.await("the position", func() bool { return p.position().Next == 3 })
	if letters := p.letters(); len(letters) != 2 {
		t.Fatalf("dead letters %v", letters)
	}
}

// A record that can't be parked is not passed over.
func TestWithoutADeadLetterTopicPoisonStops(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	if _, err := kadm.NewClient(p.client).DeleteTopics(t.Context(), events.DeadLetterTopic); err != nil {
		t.Fatal(err)
	}
	p.produce(poison())
	p.leads(1, watched)
	p.start()
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), "park offset 0") })
	if p.rows() != 0 || p.position().Next != 0 {
		t.Fatalf("%d rows at %d: the record was skipped", p.rows(), p.position().Next)
	}
}

func TestALogThatStartsPastThePositionStops(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(1, watched)
	p.awaitRows(1)
	r.stop()
	p.leads(3, watched)
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: events.Topic, Partition: watched, At: 3})
	if _, err := kadm.NewClient(p.client).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), "the log starts at 3") })
	if p.position().Next != 1 {
		t.Fatalf("the position was reset to %d", p.position().Next)
	}
}

func TestATombstoneForgetsItsLead(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	p.leads(2, watched)
	p.awaitRows(2)
	var key string
	if err := p.pool.QueryRow(t.Context(), `select record_id::text from landing_phone order by log_offset limit 1`).Scan(&key); err != nil {
		t.Fatal(err)
	}
	p.produce(&kgo.Record{Topic: events.Topic, Partition: watched, Key: []byte(key)})
	p.awaitRows(1)
}

func poison() *kgo.Record {
	return &kgo.Record{Topic: events.Topic, Partition: watched, Key: []byte("k"), Value: []byte("{")}
}

// overtaken is a view whose position moves between the look at the log's end and the claim, as when the one who had the
// partition before applies a last batch.
type overtaken struct {
	view.View
	once func(view.Stream)
}

func (o *overtaken) Claim(ctx context.Context, s view.Stream) (view.Position, error) {
	at, err := o.View.Claim(ctx, s)
	if err == nil && s.Partition == watched && o.once != nil {
		once := o.once
		o.once = nil
		once(s)
		return o.View.Claim(ctx, s)
	}
	return at, err
}

func TestAPositionThatMovedWhileItWasClaimedIsInRange(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	inner := p.view
	p.view = &overtaken{View: inner, once: func(s view.Stream) {
		p.leads(1, watched)
		at, err := inner.Claim(t.Context(), s)
		if err == nil {
			_, err = inner.Apply(t.Context(), at, view.Mark{Next: 1, Epoch: -1}, nil)
		}
		if err != nil {
			t.Error(err)
		}
	}}
	p.start()
	p.await("the position", func() bool { return p.position().Next == 1 })
	p.leads(1, watched)
	p.awaitRows(1)
	if why := p.alarm(); why != "" {
		t.Fatalf("stopped: %s", why)
	}
}

// lateEvent is a view that looks back eight days, and whose log gets its first event after the end was asked for. The event's
// time is older than that, so a search by time passes over it, as it does over one that comes between the search's own two
// requests.
type lateEvent struct {
	view.View
	append func()
}

func (l *lateEvent) Reach() time.Duration { return 8 * 24 * time.Hour }

func (l *lateEvent) HasRows(ctx context.Context, partition int32) (bool, error) {
	if partition == watched && l.append != nil {
		l.append()
		l.append = nil
	}
	return l.View.HasRows(ctx, partition)
}

func TestAnEmptyViewStartsNoLaterThanTheEndItHasSeen(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.view = &lateEvent{View: p.view, append: func() {
		p.leadAt(phoneIn(watched), time.Now().Add(-9*24*time.Hour))
	}}
	p.start()
	p.awaitRows(1)
}
