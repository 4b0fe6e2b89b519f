package dedup_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"leadlog/events"
	"leadlog/projectors/dedup"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	partition = 3
	phone     = "+989121234567"
	publicKey = "dedup:phone:" + phone
	foldKey   = "dedup:fold:3:" + phone
)

// folding is a view with its one partition claimed, and what tests ask of it.
type folding struct {
	*testing.T
	client *redis.Client
	view   view.View
	at     view.Position
}

func start(t *testing.T, client *redis.Client) *folding {
	t.Helper()
	f := &folding{T: t, client: client, view: view.Bind(redisstore.New(client), dedup.New(client), dedup.Reach)}
	s := view.Stream{Projection: dedup.Name, Topic: events.Topic, TopicID: uuid.UUID{1}, Partition: partition}
	if err := f.view.Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}}); err != nil {
		t.Fatal(err)
	}
	f.claim(s)
	return f
}

func (f *folding) claim(s view.Stream) {
	f.Helper()
	var err error
	if f.at, err = f.view.Claim(f.Context(), s); err != nil {
		f.Fatal(err)
	}
}

// apply applies one batch.
func (f *folding) apply(batch ...events.Event) {
	f.Helper()
	var err error
	if f.at, err = f.view.Apply(f.Context(), f.at, view.Mark{Next: batch[len(batch)-1].Offset + 1}, batch); err != nil {
		f.Fatal(err)
	}
}

func (f *folding) rewind(to int64) {
	f.Helper()
	var err error
	if f.at, _, err = f.view.Rewind(f.Context(), f.at, to, "test"); err != nil {
		f.Fatal(err)
	}
}

// holds fails unless a key has a value; the empty one is for no key.
func (f *folding) holds(key, want string) {
	f.Helper()
	if got := f.client.Get(f.Context(), key).Val(); got != want {
		f.Errorf("%s is %q, want %q", key, got, want)
	}
}

// dump returns every key of the view with its value.
func (f *folding) dump() map[string]string {
	f.Helper()
	ctx := context.WithoutCancel(f.Context())
	keys, err := f.client.Keys(ctx, "dedup:*").Result()
	if err != nil {
		f.Fatal(err)
	}
	dump := make(map[string]string)
	for _, key := range keys {
		dump[key] = f.client.Get(ctx, key).Val()
	}
	return dump
}

func event(offset int64, phone string, t time.Time) events.Event {
	return events.Event{
		RecordID: uuid.MustParse(fmt.Sprintf("0191d5a0-0000-7000-8000-%012x", offset)),
		EventID:  uuid.MustParse(fmt.Sprintf("0191d5a0-0000-8000-8000-%012x", offset)),
		// A record's time has whole milliseconds.
		Partition: partition, Offset: offset, Time: t.UTC().Truncate(time.Millisecond), Submission: events.Submission{Phone: phone},
	}
}

func tombstone(offset int64, of events.Event) events.Event {
	return events.Event{RecordID: of.RecordID, Partition: partition, Offset: offset, Time: of.Time, Tombstone: true}
}

func ago(hours float64) time.Time { return time.Now().Add(-time.Duration(hours * float64(time.Hour))) }

func public(e events.Event) string { return fmt.Sprintf("o|%s|%d", e.EventID, e.Time.UnixMilli()) }

func private(e events.Event) string {
	return fmt.Sprintf("%d|%s|%s|%d", e.Time.UnixMilli(), e.EventID, e.RecordID, e.Offset)
}
