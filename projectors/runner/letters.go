package runner

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events/broker"
)

// maxParked is how many dead letters a minute a projection may write. More than that is not a bad record but a bad build,
// and should not park the log.
const maxParked = 100

// parkTimeout bounds the wait for the dead-letter topic, which needs an ack of its in-sync replicas like any other.
const parkTimeout = 15 * time.Second

var errTooManyParked = fmt.Errorf("more than %d records a minute can't be decoded: is this build older than the events?", maxParked)

// letters parks records that can't be decoded, synchronously, before the position moves past them.
type letters struct {
	client     *kgo.Client
	projection string
	topic      string // of the dead letters

	mu     sync.Mutex
	parked []time.Time // within the last minute
}

func newLetters(cfg Config) (*letters, error) {
	client, err := broker.NewClient(cfg.Broker,
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(2<<20), // a record as large as the topic takes, and the headers below
		kgo.RecordDeliveryTimeout(parkTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &letters{client: client, projection: cfg.View.Name(), topic: cfg.DeadLetters}, nil
}

// dead is a record that Decode refused, and why.
type dead struct {
	record *kgo.Record
	why    error
}

// park writes dead letters and returns once all are acknowledged. Its error means: stop, never skip.
func (l *letters) park(ctx context.Context, batch []dead) error {
	if err := l.count(len(batch), time.Now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, parkTimeout, errors.New("no ack in time"))
	defer cancel()
	records := make([]*kgo.Record, len(batch))
	for i, d := range batch {
		records[i] = l.letter(d)
	}
	if err := l.produce(ctx, records); err != nil {
		return fmt.Errorf("park offset %d in %s: %w", batch[0].record.Offset, l.topic, err)
	}
	return nil
}

// produce waits for ctx, but never produces under it: all partitions share the client, and it asks for its producer id under the
// context of whoever comes first. A partition that is taken away just then would fail the letters of those that stay, and so
// stop them. A letter that is still written afterwards is the same that the partition's next owner writes; if that one can apply
// the record, the letter stays open, and `ops dlq close` is there for it.
func (l *letters) produce(ctx context.Context, records []*kgo.Record) error {
	acked := make(chan error, 1)
	go func() { acked <- l.client.ProduceSync(context.WithoutCancel(ctx), records...).FirstErr() }() // bounded: see newLetters
	select {
	case err := <-acked:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// count refuses a batch that would make it too many in a minute.
func (l *letters) count(n int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.parked) > 0 && now.Sub(l.parked[0]) >= time.Minute {
		l.parked = l.parked[1:]
	}
	if len(l.parked)+n > maxParked {
		return errTooManyParked
	}
	for range n {
		l.parked = append(l.parked, now)
	}
	return nil
}

// letter keeps value and headers as they came, and says beside them what, where, when and why. The key is the same however
// often a record is parked, so that the compacted topic keeps one letter for it.
func (l *letters) letter(d dead) *kgo.Record {
	r := d.record
	header := func(name, value string) kgo.RecordHeader {
		return kgo.RecordHeader{Key: "leadlog_" + name, Value: []byte(value)}
	}
	partition, offset := strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10)
	headers := append(r.Headers[:len(r.Headers):len(r.Headers)],
		header("error", d.why.Error()),
		header("time", time.Now().UTC().Format(time.RFC3339Nano)),
		header("projection", l.projection),
		header("topic", r.Topic),
		header("partition", partition),
		header("offset", offset),
		kgo.RecordHeader{Key: "leadlog_key", Value: r.Key},
	)
	return &kgo.Record{
		Topic: l.topic, Key: []byte(l.projection + "/" + r.Topic + "/" + partition + "/" + offset), Value: r.Value, Headers: headers,
	}
}
