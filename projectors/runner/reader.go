package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events/broker"
)

// reader fetches partitions from the offsets that their workers ask for, with a client that is in no group: a position lives
// in the store, so committed offsets must not decide where reading starts.
//
// One goroutine polls, hands out and moves. So nothing that was fetched before a seek can reach a worker after it.
type reader struct {
	client *kgo.Client
	topic  string

	mu      sync.Mutex
	inboxes map[int32]*inbox
	asked   []func()
	wake    context.CancelFunc // ends the poll under way
}

func newReader(cfg Config) (*reader, error) {
	client, err := broker.NewClient(cfg.Broker,
		// Never reset: an offset that is not there is an alarm.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// A broker answers one request of a connection at a time: a seek waits for the fetch before it, at most so long.
		kgo.FetchMaxWait(250*time.Millisecond),
		// Compressed, and for each broker; in memory it is several times as much.
		kgo.FetchMaxBytes(512<<10),
		kgo.FetchMaxPartitionBytes(128<<10),
		kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
	)
	if err != nil {
		return nil, err
	}
	return &reader{client: client, topic: cfg.Topic, inboxes: make(map[int32]*inbox), wake: func() {}}, nil
}

// run polls until ctx ends.
func (r *reader) run(ctx context.Context) error {
	defer r.client.Close()
	for ctx.Err() == nil {
		poll, wake := context.WithCancel(ctx)
		r.mu.Lock()
		r.wake = wake
		asked := r.asked
		r.asked = nil
		r.mu.Unlock()
		for _, do := range asked {
			do()
		}
		fetches := r.client.PollRecords(poll, 10_000)
		wake()
		fetches.EachPartition(r.hand)
	}
	return nil
}

// hand gives a worker what was fetched for it.
func (r *reader) hand(f kgo.FetchTopicPartition) {
	// The client goes on by itself after errors that may pass. This one counts as such too, but it reports it only once the
	// topic was made anew, and never adopts the new one.
	if f.Topic != r.topic || kerr.IsRetriable(f.Err) && !errors.Is(f.Err, kerr.UnknownTopicID) {
		return
	}
	r.mu.Lock()
	in := r.inboxes[f.Partition]
	r.mu.Unlock()
	if in == nil || !in.put(f.Records, f.HighWatermark, f.Err) {
		return
	}
	r.client.PauseFetchPartitions(r.one(f.Partition))
	if !in.full() { // the worker emptied it in between, and its resume came before our pause
		r.resume(f.Partition)
	}
}

// seek makes a partition's records flow into in from an offset on, and returns once nothing fetched before can follow.
func (r *reader) seek(ctx context.Context, partition int32, at int64, epoch int32, in *inbox) error {
	return r.ask(ctx, func() {
		r.drop(partition)
		in.clear()
		r.mu.Lock()
		r.inboxes[partition] = in
		r.mu.Unlock()
		offset := kgo.NewOffset().At(at).WithEpoch(epoch)
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: {partition: offset}})
	})
}

// forget stops reading a partition whose worker has ended.
func (r *reader) forget(partition int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inboxes, partition)
	r.asked = append(r.asked, func() { r.drop(partition) })
	r.wake()
}

// release stops reading a partition.
func (r *reader) release(ctx context.Context, partition int32) error {
	return r.ask(ctx, func() { r.drop(partition) })
}

func (r *reader) drop(partition int32) {
	r.mu.Lock()
	delete(r.inboxes, partition)
	r.mu.Unlock()
	r.client.RemoveConsumePartitions(r.one(partition))
	r.client.ResumeFetchPartitions(r.one(partition))
}

// resume goes on fetching a partition whose inbox was full.
func (r *reader) resume(partition int32) { r.client.ResumeFetchPartitions(r.one(partition)) }

// ask has the polling goroutine do something between two polls, and waits for it.
func (r *reader) ask(ctx context.Context, do func()) error {
	done := make(chan struct{})
	r.mu.Lock()
	r.asked = append(r.asked, func() { do(); close(done) })
	r.wake()
	r.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *reader) one(partition int32) map[string][]int32 {
	return map[string][]int32{r.topic: {partition}}
}
