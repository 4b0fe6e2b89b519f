package kafkalog

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

// open returns a log of a cluster that is closed with the test. Its Run is not started: tests call check themselves.
func open(t *testing.T, cfg Config) *Log {
	t.Helper()
	cfg.Health, cfg.Registry = telemetry.NewHealth(PartName), prometheus.NewRegistry()
	if cfg.Log == nil {
		cfg.Log = ingesttest.Quiet()
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return l
}

func openFake(t *testing.T, cfg Config) (*Log, *kfake.Cluster) {
	t.Helper()
	cluster := ingesttest.Fake(t)
	cfg.Brokers = cluster.ListenAddrs()
	l := open(t, cfg)
	l.check(context.Background())
	return l, cluster
}

func record(t *testing.T, phone string) *events.Record {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	r, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "/test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/api/submit"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func produceFault(err *kerr.Error, count int, partitions ...int32) kfake.Fault {
	return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: count, Partitions: partitions}
}

func inLog(t *testing.T, l *Log, r *events.Record) int {
	t.Helper()
	count := 0
	for _, e := range ingesttest.Log(t, l.cfg.Brokers, l.cfg.Topic) {
		if e.RecordID.String() == string(r.Key) {
			count++
		}
	}
	return count
}

// reserveAndAppend is what a submission does; it returns ErrOverloaded where there is no room.
func reserveAndAppend(l *Log, r *events.Record) error {
	if !l.Reserve(r) {
		return ErrOverloaded
	}
	return l.Append(r)
}

// settle waits until every record is answered.
func settle(t *testing.T, l *Log) {
	t.Helper()
	ingesttest.Eventually(t, "the budget is returned", func() bool {
		return l.budget.whole.records.Load() == 0 && l.budget.whole.bytes.Load() == 0
	})
}

func TestAnAckMeansThatTheRecordIsInTheLog(t *testing.T) {
	t.Parallel()
	l, _ := openFake(t, Config{})
	r := record(t, "+989121234567")
	if err := reserveAndAppend(l, r); err != nil {
		t.Fatal(err)
	}
	log := ingesttest.Log(t, l.cfg.Brokers, l.cfg.Topic)
	if len(log) != 1 || log[0].RecordID.String() != string(r.Key) {
		t.Fatalf("the log holds %d records, want the one that was acked", len(log))
	}
	if want := events.PartitionOf("+989121234567"); log[0].Partition != want {
		t.Fatalf("partition %d, want %d", log[0].Partition, want)
	}
	settle(t, l)
}

// Interleaving 6: appended, answered NOT_ENOUGH_REPLICAS_AFTER_APPEND, retried, timed out. It is in the log, so "refused"
// would be a lie.
func TestAppendedButNotAckedIsUnknown(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{AckTimeout: 300 * time.Millisecond})
	fault := cluster.Fault(produceFault(kerr.NotEnoughReplicasAfterAppend, -1))
	r := record(t, "09121234567")
	if err := reserveAndAppend(l, r); !errors.Is(err, ErrUnknown) || Definite(err) {
		t.Fatalf("the outcome is %v, want unknown", err)
	}
	if n := inLog(t, l, r); n != 1 {
		t.Fatalf("the record is %d times in the log, want once", n)
	}
	fault.Remove()
	settle(t, l)
	if n := inLog(t, l, r); n != 1 {
		t.Fatalf("after the retries the record is %d times in the log, want once", n)
	}
}

// The same, but the retry is refused: the last answer is definite, the outcome is not.
func TestAppendedThenRefusedIsUnknown(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{})
	cluster.Fault(produceFault(kerr.NotEnoughReplicasAfterAppend, 1), produceFault(kerr.TopicAuthorizationFailed, -1))
	r := record(t, "09121234567")
	if err := reserveAndAppend(l, r); !errors.Is(err, ErrUnknown) || Definite(err) {
		t.Fatalf("the outcome is %v, want unknown: the first try was appended", err)
	}
	if n := inLog(t, l, r); n != 1 {
		t.Fatalf("the record is %d times in the log, want once", n)
	}
}

func TestTooFewReplicasIsUnknownAndTheRecordKeepsGoing(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{AckTimeout: 300 * time.Millisecond})
	fault := cluster.Fault(produceFault(kerr.NotEnoughReplicas, -1))
	r := record(t, "09121234567")
	if err := reserveAndAppend(l, r); !errors.Is(err, ErrUnknown) {
		t.Fatalf("the outcome is %v, want unknown", err)
	}
	if n := l.budget.whole.records.Load(); n != 1 {
		t.Fatalf("%d records are in the budget: the timer must not return what kgo still holds", n)
	}
	fault.Remove()
	settle(t, l)
	if n := inLog(t, l, r); n != 1 {
		t.Fatalf("the record is %d times in the log: the timer must not take it back", n)
	}
}

func TestNoPermissionIsRefused(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{})
	fault := cluster.Fault(produceFault(kerr.TopicAuthorizationFailed, -1))
	var refused *events.Record
	ingesttest.Eventually(t, "a refusal that comes before a retry could have (a busy machine takes longer)", func() bool {
		refused = record(t, "09121234567")
		err := reserveAndAppend(l, refused)
		if err == nil {
			t.Fatal("an ack without permission")
		}
		return errors.Is(err, ErrRefused) && Definite(err)
	})
	fault.Remove()
	settle(t, l)
	if n := inLog(t, l, refused); n != 0 {
		t.Fatalf("the refused record is %d times in the log", n)
	}
}

func TestAFullBudgetHasNoRoomAndHeals(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{AckTimeout: 200 * time.Millisecond, MaxRecords: 4, MaxBytes: 1 << 20})
	fault := cluster.Fault(produceFault(kerr.NotEnoughReplicas, -1))
	if err := reserveAndAppend(l, record(t, "09121234567")); !errors.Is(err, ErrUnknown) {
		t.Fatalf("the outcome is %v, want unknown", err)
	}
	r := record(t, "09121234567")
	if l.Reserve(r) {
		t.Fatal("there is room, but its partition's share is one record")
	}
	fault.Remove()
	settle(t, l)
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatalf("after the brokers came back: %v", err)
	}
	if n := inLog(t, l, r); n != 0 {
		t.Fatalf("the record that was sent away is %d times in the log", n)
	}
}

func TestADeadLeaderLeavesRoomForOtherPartitions(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{AckTimeout: 2 * time.Second, MaxRecords: 40})
	dead, alive := "09121234567", "09121234568"
	if events.PartitionOf(dead) == events.PartitionOf(alive) {
		t.Fatal("the phones must be of two partitions")
	}
	fault := cluster.Fault(produceFault(kerr.NotEnoughReplicas, -1, events.PartitionOf(dead)))
	var wg sync.WaitGroup
	overloaded := make(chan error, 40)
	for range 40 {
		r := record(t, dead)
		wg.Go(func() { overloaded <- reserveAndAppend(l, r) })
	}
	ingesttest.Eventually(t, "the share of the dead leader is full", func() bool { return len(overloaded) == 30 })
	if err := reserveAndAppend(l, record(t, alive)); err != nil {
		t.Fatalf("another partition: %v", err)
	}
	fault.Remove()
	wg.Wait()
	settle(t, l)
}

func TestWhatWaitsIsSentBeforeTheEnd(t *testing.T) {
	t.Parallel()
	cluster := ingesttest.Fake(t)
	l, err := Open(Config{
		Brokers: cluster.ListenAddrs(), Linger: time.Minute, AckTimeout: time.Minute,
		Health: telemetry.NewHealth(PartName), Registry: prometheus.NewRegistry(), Log: ingesttest.Quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended, acked := make(chan error, 1), make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	ingesttest.Eventually(t, "the contract was seen", func() bool { return l.Ready() == nil })
	r := record(t, "09121234567")
	go func() { acked <- reserveAndAppend(l, r) }()
	ingesttest.Eventually(t, "the record waits", func() bool { return l.budget.whole.records.Load() == 1 })
	end()
	if err := <-acked; err != nil {
		t.Fatalf("the record that waited got %v", err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestRealBrokersAck(t *testing.T) {
	t.Parallel()
	brokers, topic := ingesttest.Real(t)
	l := open(t, Config{Brokers: brokers, Topic: topic, AckTimeout: ingesttest.Patience})
	ingesttest.Eventually(t, "the topic keeps its contract", func() bool {
		l.check(context.Background())
		status, _ := l.cfg.Health.Snapshot()
		return status == telemetry.Healthy
	})
	r := record(t, "+989121234567")
	if err := reserveAndAppend(l, r); err != nil {
		t.Fatal(err)
	}
	if n := inLog(t, l, r); n != 1 {
		t.Fatalf("the acked record is %d times in the log", n)
	}
}
