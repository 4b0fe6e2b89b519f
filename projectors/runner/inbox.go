package runner

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxInboxBytes is how much of a partition may wait for its worker. Above it the reader stops fetching that partition, and
// no other: one hot phone must not hold up eleven partitions.
const maxInboxBytes = 2 << 20

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

// take waits for records and returns at most most of them, with the partition's end as last seen. It returns early when
// stale is closed or ctx ends. An error of the reader comes after all records that were read before it.
func (in *inbox) take(ctx context.Context, stale <-chan struct{}, most int) (records []*kgo.Record, end int64, err error) {
	for {
		records, end, err = in.grab(most)
		if len(records) > 0 || err != nil {
			return records, end, err
		}
		select {
		case <-in.arrived:
		case <-stale:
			return nil, end, errStale
		case <-ctx.Done():
			return nil, end, context.Cause(ctx)
		}
	}
}

func (in *inbox) grab(most int) ([]*kgo.Record, int64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.records) == 0 {
		return nil, in.end, in.err
	}
	n := min(most, len(in.records))
	taken := in.records[:n:n]
	in.records = in.records[n:]
	if len(in.records) == 0 {
		in.records = nil // let the array go with what was taken
	}
	for _, r := range taken {
		in.bytes -= sizeOf(r)
	}
	return taken, in.end, nil
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
