package runner_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/ops/telemetry"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience is how long a test waits for what must happen. It is no part of any promise.
const patience = 30 * time.Second

// pipeline is a log, the lead table, and the runners between them.
type pipeline struct {
	*testing.T
	brokers []string
	fake    *kfake.Cluster
	client  *kgo.Client
	pool    *pgxpool.Pool
	view    view.View
	url     string
	resets  chan runner.Reset // what runners have told of commits by people
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	url, pool := viewtest.LeadTables(t)
	p := &pipeline{
		T: t, fake: fake, brokers: fake.ListenAddrs(), pool: pool, url: url, resets: make(chan runner.Reset, 100),
		view: view.Bind(pgstore.New(pool), leads.New(pool, pool), 0),
	}
	p.client, err = broker.NewClient(broker.Config{Brokers: p.brokers, ClientID: "leadlog-test"},
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	for _, spec := range broker.Contract() {
		if _, err := broker.Create(t.Context(), p.client, spec, true); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// running is a runner under test.
type running struct {
	health *telemetry.Health
	log    *logbook
	stop   func() // leaves the group, and returns when Run has
}

// start runs a runner until its stop, or the end of the test.
func (p *pipeline) start() *running {
	p.Helper()
	r := &running{health: telemetry.NewHealth(), log: &logbook{}}
	run, err := runner.New(runner.Config{
		View: p.view, Broker: broker.Config{Brokers: p.brokers, Dev: true}, Health: r.health,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Note: func(ctx context.Context, reset runner.Reset) error {
			if _, bounded := ctx.Deadline(); !bounded {
				p.Error("a ledger that hangs would stop the view")
			}
			p.resets <- reset
			return nil
		},
	})
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.Errorf("run: %v", err)
		}
	})
	p.Cleanup(r.stop)
	p.Cleanup(func() {
		if p.Failed() {
			p.Logf("the runner's log:\n%s", r.log)
		}
	})
	return r
}

// lead appends a submission of a phone.
func (p *pipeline) lead(phone string) {
	p.Helper()
	p.leadAt(phone, time.Time{})
}

// leadAt appends a submission with a record's time of its own; zero is now.
func (p *pipeline) leadAt(phone string, at time.Time) {
	p.Helper()
	id := uuid.Must(uuid.NewV7())
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/"},
	})
	if err != nil {
		p.Fatal(err)
	}
	kafka := broker.ToKafka(events.Topic, &record)
	kafka.Timestamp = at
	p.produce(kafka)
}

func (p *pipeline) produce(records ...*kgo.Record) {
	p.Helper()
	if err := p.client.ProduceSync(p.Context(), records...).FirstErr(); err != nil {
		p.Fatal(err)
	}
}

// leads appends n submissions of phones never seen before, all in one partition.
func (p *pipeline) leads(n int, partition int32) {
	p.Helper()
	for range n {
		p.lead(phoneIn(partition))
	}
}

// phoneIn returns a phone of a partition, never seen before.
func phoneIn(partition int32) string {
	for {
		if phone := fmt.Sprintf("0912%07d", time.Now().UnixNano()%10_000_000); events.PartitionOf(phone) == partition {
			return phone
		}
	}
}

func (p *pipeline) rows() (n int) {
	p.Helper()
	if err := p.pool.QueryRow(p.Context(), `select count(*) from landing_phone`).Scan(&n); err != nil {
		p.Fatal(err)
	}
	return n
}

// await waits until a condition holds.
func (p *pipeline) await(what string, holds func() bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.Fatalf("still not so: %s", what)
		}
	}
}

func (p *pipeline) awaitRows(n int) {
	p.Helper()
	p.await(fmt.Sprintf("%d rows", n), func() bool { return p.rows() == n })
}

// watched is the partition that most tests look at.
const watched = 3

// position returns what is stored of the watched partition.
func (p *pipeline) position() view.Position {
	p.Helper()
	positions, err := p.view.Positions(p.Context(), events.Topic)
	if err != nil {
		p.Fatal(err)
	}
	i := slices.IndexFunc(positions, func(at view.Position) bool { return at.Partition == watched })
	if i < 0 {
		return view.Position{}
	}
	return positions[i]
}

// committed returns what lag tools see of the watched partition.
func (p *pipeline) committed() (at int64, metadata string) {
	p.Helper()
	offsets, err := kadm.NewClient(p.client).FetchOffsets(p.Context(), "leadlog-leads")
	if err != nil {
		p.Fatal(err)
	}
	o, ok := offsets.Lookup(events.Topic, watched)
	if !ok {
		return -1, ""
	}
	return o.At, o.Metadata
}

// commit commits to the watched partition as kafka-consumer-groups --reset-offsets does: no member, no metadata.
func (p *pipeline) commit(at int64) {
	p.Helper()
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: events.Topic, Partition: watched, At: at, LeaderEpoch: -1})
	if err := kadm.NewClient(p.client).CommitAllOffsets(p.Context(), "leadlog-leads", offsets); err != nil {
		p.Fatal(err)
	}
}

// letters returns the keys of all dead letters.
func (p *pipeline) letters() []string {
	p.Helper()
	reader, err := broker.NewClient(broker.Config{Brokers: p.brokers, ClientID: "leadlog-test"},
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{events.DeadLetterTopic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		p.Fatal(err)
	}
	defer reader.Close()
	ends, err := kadm.NewClient(reader).ListEndOffsets(p.Context(), events.DeadLetterTopic)
	if err != nil {
		p.Fatal(err)
	}
	end, _ := ends.Lookup(events.DeadLetterTopic, 0)
	var keys []string
	for int64(len(keys)) < end.Offset {
		reader.PollFetches(p.Context()).EachRecord(func(r *kgo.Record) { keys = append(keys, string(r.Key)) })
	}
	return keys
}

func (p *pipeline) alarm() string {
	p.Helper()
	alarms, err := p.view.Alarms(p.Context(), events.Topic)
	if err != nil {
		p.Fatal(err)
	}
	return alarms[watched].Reason
}

// logbook collects what a runner logs.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func admin(client *kgo.Client) *kadm.Client { return kadm.NewClient(client) }
