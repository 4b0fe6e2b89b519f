package kafkalog

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/telemetry"
)

const (
	// produceTimeout is how long a leader waits for its replicas before it answers REQUEST_TIMED_OUT. Nobody waits longer
	// than the ack timeout, and a frozen leader should not hold its partition's queue for kgo's default of 10 s.
	produceTimeout = 3 * time.Second
	// flushTimeout bounds the wait for what is still unanswered when the edge ends. By then every client has its answer.
	flushTimeout = 3 * time.Second
	// recordOverhead is what one record costs in memory beside its bytes: kgo's bookkeeping, the promise, the handler.
	recordOverhead = 512
)

// Log appends to the topic. See the package's promises.
type Log struct {
	cfg    Config
	spec   broker.Spec
	client *kgo.Client
	budget *budget

	failed *telemetry.Complaint
	broken atomic.Pointer[error] // why the last answered check found the contract broken
	seen   seen                  // of the last check; only Run touches it
}

// Open returns a log. It does not connect: Run does, and brokers that are down show as a health part, not as an error.
func Open(cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	spec := broker.Submissions()
	spec.Topic = cfg.Topic
	client, err := broker.NewClient(broker.Config{
		Brokers: cfg.Brokers, ClientID: "leadlog-ingest", Dev: cfg.Dev,
	}, producerOptions(cfg)...)
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg: cfg, spec: spec, client: client, budget: newBudget(cfg.MaxRecords, cfg.MaxBytes),
		failed: telemetry.NewComplaint(cfg.Log, "kafka: appends without an ack"),
	}
	l.breaks(errNotSeen) // an ack of a topic that nobody has looked at may mean one broker
	if err := l.register(); err != nil {
		client.Close()
		return nil, err
	}
	return l, nil
}

// producerOptions make the client wait for all in-sync replicas, idempotently (kgo's defaults), and keep every record
// until it is answered. AllowIdempotentProduceCancellation is never to be added: with it, one record that is given up
// fails its partition's whole buffer, and the next batch may reuse a sequence number that the broker has seen.
func producerOptions(cfg Config) []kgo.Opt {
	return append(acks(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProduceRequestTimeout(produceTimeout),
		kgo.ProducerLinger(cfg.Linger),
		kgo.WithCompressor(newCompressor()),
		// Above our own budget, so that ours, which knows partitions, is the one that says no.
		kgo.MaxBufferedRecords(int(2*cfg.MaxRecords)),
		kgo.MaxBufferedBytes(int(2*cfg.MaxBytes)),
		kgo.WithHooks(kprom.NewMetrics("leadlog", kprom.Subsystem("edge_kafka"), kprom.Registerer(cfg.Registry))),
	)
}

// Ready returns nil, or an error that wraps ErrNotReady: Append would return it.
func (l *Log) Ready() error {
	if why := l.broken.Load(); why != nil {
		return *why
	}
	return nil
}

// Reserve takes room for a record, or reports that there is none just now. It waits for nobody. After true, the record has to be given to
// Append or to Free, once.
func (l *Log) Reserve(record *events.Record) bool {
	return l.budget.take(record.Partition, sizeOf(record))
}

// Free gives back the room of a record that is not appended after all.
func (l *Log) Free(record *events.Record) {
	l.budget.give(record.Partition, sizeOf(record), false)
}

// Append gives a record that has room to the brokers and waits for the answer, at most for the ack timeout. It returns nil for an ack,
// and otherwise an error that wraps ErrOverloaded, ErrRefused, ErrUnknown or ErrNotReady. The room is given back when the brokers
// have answered, which may be long after.
//
// It takes no context, on purpose. kgo fails a partition's whole buffer when the context of one record in it ends, so one
// person who closes a browser would turn the leads of others into unknown outcomes.
func (l *Log) Append(record *events.Record) error {
	if err := l.Ready(); err != nil {
		l.Free(record)
		return err
	}
	size := sizeOf(record)
	accepted, answer := time.Now(), make(chan error, 1)
	l.client.TryProduce(context.Background(), broker.ToKafka(l.cfg.Topic, record), func(_ *kgo.Record, err error) {
		l.budget.give(record.Partition, size, err == nil)
		if err != nil {
			l.failed.About(err)
		}
		answer <- outcome(err, time.Since(accepted))
	})
	return l.await(answer)
}

// Run checks the topic's contract every 5 s, until ctx ends; then it sends what is left, for at most 3 s, and closes the
// client. Call it once. Nothing may be appended after it has returned.
func (l *Log) Run(ctx context.Context) error {
	l.watch(ctx)
	return l.close(context.WithoutCancel(ctx))
}

// close flushes. What the brokers still don't answer was answered "unknown" to its client, so losing it here is allowed.
func (l *Log) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	err := l.client.Flush(ctx)
	left := l.client.BufferedProduceRecords()
	l.client.Close()
	if err != nil {
		l.cfg.Log.Warn("kafka: records without an answer are dropped, their outcome was reported as unknown", "records", left)
	}
	return nil
}

func (l *Log) register() error {
	gauge := func(name, help string, value *atomic.Int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value.Load()) })
	}
	return errors.Join(
		l.cfg.Registry.Register(gauge("leadlog_edge_inflight_records",
			"Records that are about to be given to the Kafka client, or were and are not yet answered.", &l.budget.whole.records)),
		l.cfg.Registry.Register(gauge("leadlog_edge_inflight_bytes",
			"Bytes of these records, with their overhead in memory.", &l.budget.whole.bytes)),
	)
}

func sizeOf(r *events.Record) int64 {
	size := len(r.Key) + len(r.Value) + recordOverhead
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	return int64(size)
}
