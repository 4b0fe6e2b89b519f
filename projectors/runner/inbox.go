package runner

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxInboxBytes is how much of a partition may wait for its worker. Above it the reader stops fetching that partition, and
// no other: one hot phone must not hold up eleven partitions.
const maxInboxBytes = 768 << 10

// inbox holds what was read of one partition and not yet taken by its worker.
type inbox struct {
	mu      sync.Mutex
	records []*kgo.Record
	bytes   int
	end     int64 // the partition's end, as last seen
	err     error // why no more will come
	arrived chan struct{}
}

func newInbox() *inbox { return &inbox{arrived: make(chan struct{}, 1)} }

// put adds what was fetched, and reports whether the inbox is full now.
func (in *inbox) put(records []*kgo.Record, end int64, err error) (full bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.records = append(in.records, records...)
	for _, r := range records {
		in.bytes += sizeOf(r)
	}
	if end > 0 {
		in.end = end
	}
	if err != nil {
		in.err = err
	}
	select {
	case in.arrived <- struct{}{}:
	default:
	}
	return in.bytes >= maxInboxBytes
}

// wait returns how many records there are, once there are any. It returns early when stale is closed or ctx ends. An error of
// the reader comes after all records that were read before it.
func (in *inbox) wait(ctx context.Context, stale <-chan struct{}) (n int, err error) {
	for {
		if n, err = in.state(); n > 0 || err != nil {
			return n, err
		}
		select {
		case <-in.arrived:
		case <-stale:
			return 0, errStale
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (in *inbox) state() (n int, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if n = len(in.records); n > 0 {
		return n, nil
	}
	return 0, in.err
}

// take returns at most most records, and the partition's end as last seen.
func (in *inbox) take(most int) (records []*kgo.Record, end int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := min(most, len(in.records))
	taken := slices.Clone(in.records[:n])
	in.records = slices.Delete(in.records, 0, n) // clears what it moves away from: a record pins the batch it came in
	for _, r := range taken {
		in.bytes -= sizeOf(r)
	}
	return taken, in.end
}

// full says whether the inbox still holds too much to fetch more.
func (in *inbox) full() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.bytes >= maxInboxBytes/2
}

func (in *inbox) clear() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.records, in.bytes, in.err = nil, 0, nil
}

// sizeOf is about what a record takes in memory: its bytes, its headers, and the struct.
func sizeOf(r *kgo.Record) int { return len(r.Key) + len(r.Value) + 48*len(r.Headers) + 256 }
