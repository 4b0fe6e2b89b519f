package control

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

// crossing compares the rows of leads with the openers of audit in one partition: they must be the same records in the same
// places, whatever the log says.
type crossing struct {
	*System
	leads, audit *viewCheck
	partition    int32
	end          int64     // the lower one of both
	oldest       time.Time // what is older audit may have forgotten
	found        differences
}

// cross compares leads with audit by the sums that were made of both while each was compared with the log; where they
// differ, rows are read again.
func (s *System) cross(ctx context.Context, in, on *viewCheck, what Verification) (Crossed, error) {
	crossed := Crossed{Done: true}
	what.Progress(VerifyProgress{View: in.name, Stage: Crossing})
	for _, partition := range slices.Sorted(maps.Keys(in.bounds)) {
		if _, both := on.bounds[partition]; !both {
			continue
		}
		c := &crossing{System: s, leads: in, audit: on, partition: partition, oldest: expiring()}
		c.end = min(in.bounds[partition].to, on.bounds[partition].to)
		if err := c.compare(ctx); err != nil {
			return crossed, withCause(ctx, err)
		}
		crossed.OnlyInLeads += c.found.counts[OnlyInLeads]
		crossed.OnlyInAudit += c.found.counts[OnlyInAudit]
		crossed.Differences = append(crossed.Differences, c.found.named...)
	}
	crossed.Differences = crossed.Differences[:min(len(crossed.Differences), what.Limit)]
	return crossed, nil
}

// compare names what differs, but for what was erased meanwhile.
func (c *crossing) compare(ctx context.Context) error {
	buckets := c.differing()
	for _, bucket := range buckets {
		if err := c.compareBucket(ctx, bucket); err != nil {
			return err
		}
	}
	if len(c.found.named) == 0 {
		return nil
	}
	if err := c.dropSkipped(ctx); err != nil {
		return err
	}
	for record := range c.audit.twice {
		c.found.drop(record)
	}
	return c.erasedSince(ctx, c.leads.what.topic(), c.partition, c.end, func(record uuid.UUID, _ int64) { c.found.drop(record) })
}

// dropSkipped takes back what is of a phone that has an event in a hole: a view that passed over an opener lets the phone's
// next event open the window, and so on from there. Each view was held against the log by itself.
func (c *crossing) dropSkipped(ctx context.Context) error {
	start, phones := c.leads.bounds[c.partition].from, make(map[string]bool)
	for _, h := range c.holes() {
		stretch := span{max(h.From, start), min(h.To, c.end)}
		err := c.scan(ctx, c.leads.what.topic(), spans{c.partition: stretch}, func(r *kgo.Record) onward {
			plain := broker.FromKafka(r)
			if e, err := events.Decode(&plain); err == nil && !e.Tombstone {
				phones[strings.Clone(e.Phone)] = true
			}
			return more
		})
		if err != nil {
			return err
		}
	}
	c.found.dropPhones(phones)
	return nil
}

// differing returns the buckets that have to be looked into: sums differ, or were made up to different ends, or over a hole
// that only one of both has.
func (c *crossing) differing() []int64 {
	leads, audit := c.leads.openers[c.partition], c.audit.openers[c.partition]
	var buckets []int64
	for bucket := range newSums(c.end) {
		number := int64(bucket)
		if leads[bucket] != audit[bucket] || c.inHoles(number<<bucketBits, (number+1)<<bucketBits) {
			buckets = append(buckets, number)
		}
	}
	return buckets
}

func (c *crossing) inHoles(from, to int64) bool {
	return slices.ContainsFunc(c.holes(), func(h view.Hole) bool { return h.From < to && h.To > from })
}

func (c *crossing) holes() []view.Hole {
	return slices.Concat(c.leads.holes[c.partition], c.audit.holes[c.partition])
}

// compareBucket names the records of a bucket that only one of both has.
func (c *crossing) compareBucket(ctx context.Context, bucket int64) error {
	leads, err := c.openers(ctx, c.leads.view, bucket)
	if err != nil {
		return err
	}
	audit, err := c.openers(ctx, c.audit.view, bucket)
	if err != nil {
		return err
	}
	has := func(rows []view.Row, r *view.Row) bool {
		return slices.ContainsFunc(rows, func(o view.Row) bool { return o.RecordID == r.RecordID && o.Offset == r.Offset })
	}
	for len(leads)+len(audit) > 0 {
		offset := lowestOf(leads, audit)
		left, right := headAt(leads, offset), headAt(audit, offset)
		for i := range left {
			if !has(right, &left[i]) {
				c.found.tell(c.leads.name, OnlyInLeads, c.partition, &left[i], phoneIn(left[i].Text))
			}
		}
		for i := range right {
			if !has(left, &right[i]) {
				c.found.tell(c.audit.name, OnlyInAudit, c.partition, &right[i], phoneIn(right[i].Text))
			}
		}
		leads, audit = leads[len(left):], audit[len(right):]
	}
	return nil
}

// openers reads the rows of a bucket that both views should have.
func (c *crossing) openers(ctx context.Context, v view.View, bucket int64) ([]view.Row, error) {
	rows, err := rowsIn(ctx, v, c.partition, bucket, c.end)
	if err != nil {
		return nil, err
	}
	holes := c.holes()
	return slices.DeleteFunc(rows, func(r view.Row) bool {
		return !r.Opener || r.Time.Before(c.oldest) || inHole(holes, r.Offset)
	}), nil
}

// lowestOf is the lowest offset in two lists of which one has rows.
func lowestOf(a, b []view.Row) int64 {
	if len(a) == 0 || len(b) > 0 && b[0].Offset < a[0].Offset {
		return b[0].Offset
	}
	return a[0].Offset
}

// headAt returns the rows at the beginning of a list that are at an offset.
func headAt(rows []view.Row, offset int64) []view.Row {
	n := 0
	for n < len(rows) && rows[n].Offset == offset {
		n++
	}
	return rows[:n]
}
