package runner_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// What was skipped stays skipped, however far the view is rewound later.
func TestAHoleStaysAHole(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(2, watched)
	p.awaitRows(2)
	r.stop()
	p.leads(3, watched)
	at := p.position()
	if _, err := p.view.Skip(t.Context(), at, view.Hole{Partition: watched, From: 2, To: 4, Cause: "test", Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.awaitRows(3)
	if _, _, err := p.view.Rewind(t.Context(), p.position(), 0, "test"); err != nil {
		t.Fatal(err)
	}
	p.await("all applied again", func() bool { return p.position().Next == 5 })
	if n := p.rows(); n != 3 {
		t.Fatalf("%d rows, want 3", n)
	}
}

// refusing is a view whose store refuses one record, in whatever batch it comes.
type refusing struct {
	view.View
	offset int64
}

func (r refusing) Apply(ctx context.Context, at view.Position, to view.Mark, batch []events.Event) (view.Position, error) {
	for i := range batch {
		if batch[i].Offset == r.offset {
			return at, errors.New("refused for the test")
		}
	}
	return r.View.Apply(ctx, at, to, batch)
}

// The position stops right at the record that the store refuses, and the alarm names the command that passes over it alone.
func TestARefusedRecordIsFoundInItsBatch(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.leads(9, watched)
	p.view = refusing{p.view, 5}
	p.start()
	p.await("an alarm", func() bool { return p.alarm() != "" })
	if n, at := p.rows(), p.position(); n != 5 || at.Next != 5 {
		t.Fatalf("%d rows, at %d", n, at.Next)
	}
	if _, next := view.Advice(p.alarm()); !strings.HasSuffix(next, "as the last resort: ops skip leads --topic phone-submitted:3 --to-offset 6") {
		t.Fatalf("the alarm says %q", p.alarm())
	}
	if _, err := p.view.Skip(t.Context(), p.position(), view.Hole{Partition: watched, From: 5, To: 6, Cause: "test", Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	p.awaitRows(8)
	p.await("the alarm taken back", func() bool { return p.alarm() == "" })
}

// prompt is a view whose operator does what the alarm says at once.
type prompt struct {
	refusing
	answer func()
}

func (p prompt) Alarm(ctx context.Context, s view.Stream, reason string) error {
	err := p.View.Alarm(ctx, s, reason)
	if reason != "" {
		p.answer()
	}
	return err
}

// Whoever is quicker than the worker, which has yet to lie down after its alarm, is not missed.
func TestASkipRightAfterTheAlarmIsSeen(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.leads(3, watched)
	store := p.view
	p.view = prompt{refusing{store, 1}, func() {
		if _, err := store.Skip(t.Context(), p.position(), view.Hole{Partition: watched, From: 1, To: 2, Cause: "test", Reason: "test"}); err != nil {
			t.Error(err)
		}
	}}
	p.start()
	p.awaitRows(2)
}

// A batch that is applied in halves parks what can't be decoded once, as any other: what is parked in the second half is not
// parked again when the first one is done.
func TestPoisonOfARefusedBatchIsParkedOnce(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	bad := func() { p.produce(poison()) }
	bad()
	p.leads(5, watched)
	bad()
	p.leads(2, watched)
	p.view = refusing{p.view, 8}
	p.start()
	p.await("an alarm", func() bool { return p.alarm() != "" })
	if letters := p.letters(); len(letters) != 2 {
		t.Fatalf("parked %v", letters)
	}
}

// A dead letter whose record is applied after all (a better build, and a rewind) is closed.
func TestALetterIsClosedOnceItsRecordIsApplied(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	for _, key := range []string{"leads/phone-submitted/3/1", "leads/phone-submitted/3/7", "audit/phone-submitted/3/1"} {
		p.produce(&kgo.Record{Topic: events.DeadLetterTopic, Key: []byte(key), Value: []byte("{}")})
	}
	p.leads(3, watched)
	p.start()
	p.awaitRows(3)
	p.await("a tombstone", func() bool { return len(p.letters()) == 4 })
	if letters := p.letters(); letters[3] != "leads/phone-submitted/3/1" {
		t.Fatalf("closed %q", letters[3])
	}
}

// A reset with a Kafka tool is told once, with what it did; and a crash before it could be told does not keep it a secret.
func TestResetsByPeopleAreTold(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(5, watched)
	p.awaitRows(5)
	r.stop()

	p.commit(2)
	r = p.start()
	rewound := <-p.resets
	if rewound.From != 5 || rewound.To != 2 || rewound.Removed != 3 || rewound.Refused != "" {
		t.Fatalf("told %+v", rewound)
	}
	p.awaitRows(5)
	if cause := p.position().Cause; !strings.HasPrefix(cause, "kafka tool 2") {
		t.Fatalf("the position's cause is %q", cause)
	}
	r.stop()

	p.commit(5) // where it stands: as if a process had died after the rewind, and before its mirror
	r = p.start()
	if again := <-p.resets; again.ID != rewound.ID {
		t.Fatalf("told as another one: %+v", again)
	}
	r.stop()

	p.commit(99)
	p.start()
	if refused := <-p.resets; !strings.Contains(refused.Refused, "ops skip leads --topic phone-submitted:3 --to-offset 99") {
		t.Fatalf("told %+v", refused)
	}
	p.await("a notice", func() bool { return strings.HasPrefix(p.alarm(), view.Notice) })
	p.leads(1, watched)
	p.awaitRows(6)
}

// A version that is being built is filled without a group, parks nothing, and can be ended and gone on with.
func TestAFeedFillsAVersionBesideTheActiveOne(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.leads(3, watched)
	p.produce(&kgo.Record{Topic: events.Topic, Partition: watched, Key: []byte("not a uuid"), Value: []byte("not json")})
	if err := leads.Migrate(t.Context(), p.url, 2); err != nil {
		t.Fatal(err)
	}
	draft := view.Bind(pgstore.New(p.pool), leads.NewDraft(p.pool, p.pool, 2), 0)
	for want := int64(4); want <= 8; want += 4 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := runner.New(runner.Config{
			View: draft, Broker: broker.Config{Brokers: p.brokers, Dev: true}, Health: telemetry.NewHealth(), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- r.Feed(ctx) }()
		p.await("fed", func() bool {
			positions, err := draft.Positions(ctx, events.Topic)
			return err == nil && len(positions) == events.Partitions && positions[watched].Next == want
		})
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		p.leads(4, watched)
	}
	if letters := p.letters(); len(letters) != 0 {
		t.Fatalf("parked %v", letters)
	}
	if n := p.rows(); n != 0 {
		t.Fatalf("the active version has %d rows", n)
	}
}
