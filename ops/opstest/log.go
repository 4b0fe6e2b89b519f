// Package opstest gives tests of the operators' tools what nearly all of them need: a log with its topics, a database with
// its tables, a Redis, and projections that fill the views.
package opstest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// Log is a broker of the test's own, and a client of it that appends to the partition that a record names.
type Log struct {
	testing.TB

	Fake    *kfake.Cluster
	Brokers []string
	Client  *kgo.Client
}

// EmptyLog returns a log without topics.
func EmptyLog(t testing.TB, opts ...kfake.Opt) *Log {
	t.Helper()
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	l := &Log{TB: t, Fake: fake, Brokers: fake.ListenAddrs()}
	l.Client, err = broker.NewClient(broker.Config{Brokers: l.Brokers, ClientID: "leadlog-test"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Client.Close)
	return l
}

// MakeTopics makes the topics, as `ops init --dev` does.
func (l *Log) MakeTopics() {
	l.Helper()
	for _, spec := range broker.Contract() {
		if _, err := broker.Create(l.Context(), l.Client, spec, true); err != nil {
			l.Fatal(err)
		}
	}
}

// Lead is a submission; what is zero is made up.
type Lead struct {
	Phone   string
	Receipt uuid.UUID
	At      time.Time // the record's time
}

// Append appends a submission and returns its record.
func (l *Log) Append(lead Lead) *kgo.Record {
	l.Helper()
	id := uuid.Must(uuid.NewV7())
	if lead.Receipt == uuid.Nil {
		lead.Receipt = id
	}
	claimed := lead.At
	if claimed.IsZero() {
		claimed = time.Now()
	}
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: lead.Receipt, Claimed: claimed, Source: "test",
		Submission: events.Submission{Phone: lead.Phone, IP: "192.0.2.1", Path: "/api/submit"},
	})
	if err != nil {
		l.Fatal(err)
	}
	out := broker.ToKafka(events.Topic, &record)
	out.Timestamp = lead.At
	return l.Produce(out)
}

// Poison appends a record that no view can apply.
func (l *Log) Poison(partition int32) *kgo.Record {
	l.Helper()
	return l.Produce(&kgo.Record{
		Topic: events.Topic, Partition: partition, Key: []byte(uuid.Must(uuid.NewV7()).String()), Value: []byte(`{"phone":"0912 123 45 67"`),
		Headers: []kgo.RecordHeader{{Key: "note", Value: []byte("of 09121234567")}},
	})
}

// Erase appends the tombstone of a record.
func (l *Log) Erase(r *kgo.Record) *kgo.Record {
	l.Helper()
	return l.Produce(&kgo.Record{Topic: events.Topic, Partition: r.Partition, Key: r.Key})
}

// Produce appends any record, and returns it with its offset once the broker has it.
func (l *Log) Produce(r *kgo.Record) *kgo.Record {
	l.Helper()
	if err := l.Client.ProduceSync(l.Context(), r).FirstErr(); err != nil {
		l.Fatal(err)
	}
	return r
}
