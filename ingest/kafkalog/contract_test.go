package kafkalog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ingest/ingesttest"
	"leadlog/ops/telemetry"
)

func TestATopicThatBreaksTheContractGetsNothing(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{})
	wantPart(t, l, telemetry.Healthy, "")

	alter(t, cluster, "min.insync.replicas", "1")
	l.check(context.Background())
	wantPart(t, l, telemetry.NotReady, "min.insync.replicas is 1, must be 2")
	if err := reserveAndAppend(l, record(t, "09121234567")); !errors.Is(err, ErrNotReady) || !Definite(err) {
		t.Fatalf("the outcome is %v, want not ready: an ack would be a lie", err)
	}

	alter(t, cluster, "min.insync.replicas", "2")
	l.check(context.Background())
	wantPart(t, l, telemetry.Healthy, "")
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatalf("after the topic was mended: %v", err)
	}
}

func TestReplicasThatComeBackAreNotABrokenContract(t *testing.T) {
	t.Parallel()
	l, _ := openFake(t, Config{})
	l.judge(broker.Report{Findings: []broker.Finding{{Rule: "in-sync replicas", Verdict: broker.Broken, Passing: true}}})
	wantPart(t, l, telemetry.NotReady, "in-sync replicas")
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatalf("the brokers decide: with too few replicas they don't ack, but here is %v", err)
	}
}

func TestBrokersThatCantBeAskedMayStillAck(t *testing.T) {
	t.Parallel()
	l, cluster := openFake(t, Config{})
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.UnknownServerError, Count: -1})
	l.check(context.Background())
	wantPart(t, l, telemetry.NotReady, "KAFKA_BROKERS")
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatal(err)
	}
}

func TestMorePartitionsAreAnAlarm(t *testing.T) {
	t.Parallel()
	l, _ := openFake(t, Config{})
	l.judge(broker.Report{Findings: []broker.Finding{{Rule: "partitions", Verdict: broker.Alarm}}})
	wantPart(t, l, telemetry.Degraded, "partitions")
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatal(err)
	}
}

func TestBrokersThatAreDownAreOneLine(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	l := open(t, Config{
		Brokers: []string{"127.0.0.1:1"}, AckTimeout: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&lines, nil)),
	})
	for range 3 {
		l.check(context.Background())
	}
	wantPart(t, l, telemetry.NotReady, "KAFKA_BROKERS")
	if n := strings.Count(lines.String(), "\n"); n != 1 {
		t.Fatalf("%d lines, want one:\n%s", n, &lines)
	}
	if err := reserveAndAppend(l, record(t, "09121234567")); !errors.Is(err, ErrNotReady) {
		t.Fatalf("the outcome is %v, want not ready: nobody knows what an ack would mean", err)
	}
}

// The brokers may be there and the topic may not be what it must be: before the first look, an ack would promise nothing.
func TestNothingIsAppendedBeforeTheContractWasSeen(t *testing.T) {
	t.Parallel()
	cluster := ingesttest.Fake(t)
	l := open(t, Config{Brokers: cluster.ListenAddrs(), Dev: true})
	r := record(t, "09121234567")
	if err := reserveAndAppend(l, r); !errors.Is(err, ErrNotReady) {
		t.Fatalf("the outcome is %v, want not ready", err)
	}
	l.check(context.Background())
	if n := inLog(t, l, r); n != 0 {
		t.Fatalf("the record is in the log %d times", n)
	}
	if err := reserveAndAppend(l, r); err != nil {
		t.Fatal(err)
	}
}

func TestATopicThatIsNotThereGetsNothing(t *testing.T) {
	t.Parallel()
	cluster := ingesttest.Fake(t)
	l := open(t, Config{Brokers: cluster.ListenAddrs(), Topic: "not-there"})
	l.check(context.Background())
	wantPart(t, l, telemetry.NotReady, "ops init")
	if err := reserveAndAppend(l, record(t, "09121234567")); !errors.Is(err, ErrNotReady) {
		t.Fatalf("the outcome is %v, want not ready", err)
	}
}

func TestOneBrokerIsSaidLoudly(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	cluster := ingesttest.Fake(t)
	alter(t, cluster, "min.insync.replicas", "1")
	l := open(t, Config{Brokers: cluster.ListenAddrs(), Dev: true, Log: slog.New(slog.NewTextHandler(&lines, nil))})
	l.check(context.Background())
	l.check(context.Background())
	wantPart(t, l, telemetry.Healthy, "")
	if n := strings.Count(lines.String(), "NOT replicated"); n != 1 {
		t.Fatalf("%d warnings, want one:\n%s", n, &lines)
	}
	if err := reserveAndAppend(l, record(t, "09121234567")); err != nil {
		t.Fatalf("DEV=1 lets one broker through: %v", err)
	}
}

func wantPart(t *testing.T, l *Log, status telemetry.Status, detail string) {
	t.Helper()
	_, parts := l.cfg.Health.Snapshot()
	if got := parts[PartName]; got.Status != status || !strings.Contains(got.Detail, detail) {
		t.Fatalf("health is %s (%s), want %s (…%s…)", got.Status, got.Detail, status, detail)
	}
}

func alter(t *testing.T, cluster *kfake.Cluster, name, value string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, events.Topic
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, kmsg.StringPtr(value)
	resource.Configs = append(resource.Configs, config)
	req.Resources = append(req.Resources, resource)
	resp, err := req.RequestWith(context.Background(), ingesttest.Client(t, cluster.ListenAddrs()))
	if err == nil {
		err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("alter %s: %v", name, err)
	}
}
