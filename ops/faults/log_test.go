//go:build faults

package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// entry is a record of the log, as a reader sees it that knows the contract alone.
type entry struct {
	partition int32
	offset    int64
	key       string
	id        string // ce_id
	phone     string
	at        int64 // ms
	poison    bool
}

// topic and letters are the names that the contract gives.
const (
	topic   = "phone-submitted"
	letters = "phone-submitted.dlq"
)

// readLog reads every partition from its start to its present end, in the order of partitions and offsets.
func (c *cluster) readLog(ctx context.Context) (log []entry, err error) {
	err = c.read(ctx, topic, func(r *kgo.Record) { log = append(log, entryOf(r)) })
	slices.SortFunc(log, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	return log, err
}

// readLetters returns the keys of the records that have a dead letter, by projection.
func (c *cluster) readLetters(ctx context.Context) (keys map[string]map[string]bool, err error) {
	keys = make(map[string]map[string]bool)
	err = c.read(ctx, letters, func(r *kgo.Record) {
		if r.Value == nil && len(r.Headers) == 0 {
			return // closed
		}
		projection := header(r, "leadlog_projection")
		if keys[projection] == nil {
			keys[projection] = make(map[string]bool)
		}
		keys[projection][header(r, "leadlog_key")] = true
	})
	return keys, err
}

// read goes through a topic with a client of its own.
func (c *cluster) read(ctx context.Context, topic string, see func(*kgo.Record)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ends, err := c.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.addresses()...), kgo.ClientID("leadlog-faults-checker"),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer reader.Close()
	missing := make(map[int32]int64) // the end, of partitions that are not read to it
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			missing[o.Partition] = o.Offset
		}
	})
	for len(missing) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read %s, partitions %v: %w", topic, missing, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			see(r)
			if r.Offset+1 >= missing[r.Partition] {
				delete(missing, r.Partition)
			}
		})
	}
	return nil
}

func entryOf(r *kgo.Record) entry {
	e := entry{
		partition: r.Partition, offset: r.Offset, key: string(r.Key), id: header(r, "ce_id"), at: r.Timestamp.UnixMilli(),
	}
	var value struct{ Phone string }
	if err := json.Unmarshal(r.Value, &value); err != nil || value.Phone == "" || e.id == "" {
		e.poison = true // or planted: see run.plant
	}
	e.phone = value.Phone
	return e
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// day is the length of a window, in ms.
const day = int64(24 * time.Hour / time.Millisecond)

// folded is what the views must say.
type folded struct {
	openers map[string]entry // by record key
	last    map[string]entry // by phone: its last opener
}

// fold is the window rule: an event is a duplicate if its phone's last opener before it, in the order of the log, is less than
// a day away from it.
func fold(log []entry) folded {
	f := folded{openers: make(map[string]entry), last: make(map[string]entry)}
	for _, e := range log {
		if e.poison {
			continue
		}
		o, known := f.last[e.phone]
		if gap := e.at - o.at; known && gap > -day && gap < day {
			continue
		}
		f.last[e.phone], f.openers[e.key] = e, e
	}
	return f
}
