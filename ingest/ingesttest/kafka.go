// Package ingesttest holds what the edge's tests share: a broker with the contract's topic, and a look into its log.
package ingesttest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// Patience bounds what a test waits for something that must happen.
const Patience = 30 * time.Second

// Fake starts a fake cluster of three brokers with the topic phone-submitted, made as the contract says.
func Fake(t testing.TB) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatalf("kfake: %v", err)
	}
	t.Cleanup(cluster.Close)
	create(t, cluster.ListenAddrs(), events.Topic)
	return cluster
}

// Real returns the brokers of KAFKA_BROKERS and a topic of their own for this test, or skips it.
func Real(t testing.TB) (brokers []string, topic string) {
	t.Helper()
	list := os.Getenv("KAFKA_BROKERS")
	if list == "" {
		t.Skip("KAFKA_BROKERS is not set")
	}
	brokers, err := broker.ParseBrokers(list)
	if err != nil {
		t.Fatal(err)
	}
	topic = "ingest-test-" + uuid.NewString()
	client := create(t, brokers, topic)
	t.Cleanup(func() {
		if _, err := kadm.NewClient(client).DeleteTopic(context.Background(), topic); err != nil {
			t.Logf("topic %s is left: %v", topic, err)
		}
	})
	return brokers, topic
}

func create(t testing.TB, brokers []string, topic string) *kgo.Client {
	t.Helper()
	client := Client(t, brokers)
	spec := broker.Submissions()
	spec.Topic = topic
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if _, err := broker.Create(ctx, client, spec, false); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	return client
}

// Client returns a client that lives as long as the test.
func Client(t testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: brokers, ClientID: "leadlog-ops"}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Log reads a topic from its start to its end, and decodes every record.
func Log(t testing.TB, brokers []string, topic string) []events.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	client := Client(t, brokers, kgo.ConsumeTopics(topic))
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatalf("end offsets: %v", err)
	}
	left := int64(0)
	ends.Each(func(end kadm.ListedOffset) { left += end.Offset })
	var log []events.Event
	for int64(len(log)) < left {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s, %d of %d records: %v", topic, len(log), left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			record := broker.FromKafka(r)
			event, err := events.Decode(&record)
			if err != nil {
				t.Fatalf("the edge appended poison: %v\n%s", err, r.Value)
			}
			log = append(log, event)
		})
	}
	return log
}

// Quiet is a logger that nobody hears.
func Quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Eventually waits for something that another goroutine or process brings about, and that nothing announces.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within %v: %s", Patience, what)
		}
		<-tick.C
	}
}
