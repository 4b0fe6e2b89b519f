package control

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/projectors/view"
)

// nameMost is how many differences of a partition are remembered while they may still turn out to be erased meanwhile. What
// is beyond is only counted.
const nameMost = 10_000

// expected is a row that the log says must be there.
type expected struct {
	view.Row
	phone string
}

// comparison goes through the buckets of a partition whose sums differ, row by row.
type comparison struct {
	*partitionCheck
	buckets []int64    // still to be compared, in order
	want    []expected // of the first of them, as far as the log is read
	found   differences
}

// compareRows folds the partition again, now that its tombstones are known, and names what differs in some buckets. What was
// erased since the end is no difference: the view may have forgotten it already, or not.
func (p *partitionCheck) compareRows(ctx context.Context, buckets []int64, erased map[uuid.UUID]int64) error {
	to := min(p.to, (buckets[len(buckets)-1]+1)<<bucketBits)
	p.begin(Comparing, to-p.from)
	f := newFold(p.forgets, erased)
	if err := p.erasedSince(ctx, p.what.topic(), p.partition, p.to, f.bury); err != nil {
		return err
	}
	p.tell(Comparing, 0)
	c := &comparison{partitionCheck: p, buckets: buckets}
	counted := p.events
	if err := p.foldLog(ctx, f, to, func(row *view.Row, e *events.Event) error { return c.take(ctx, row, e.Phone) }); err != nil {
		return err
	}
	p.events = counted
	if err := c.settle(ctx, math.MaxInt64); err != nil {
		return err
	}
	// From the end on, and not only what came since: a view that has not come to a tombstone yet rightly has its record.
	err := p.erasedSince(ctx, p.what.topic(), p.partition, p.to, func(record uuid.UUID, _ int64) { c.found.drop(record) })
	if err != nil {
		return err
	}
	c.add(p.partition, &c.found)
	return nil
}

// begin begins a stage, in which so many records are read again.
func (p *partitionCheck) begin(stage Stage, more int64) {
	p.mu.Lock()
	p.all += more
	p.mu.Unlock()
	p.stage, p.oldest = stage, p.oldestKept()
	p.tell(stage, 0)
}

// take remembers a row that must be there, when its bucket is compared.
func (c *comparison) take(ctx context.Context, row *view.Row, phone string) error {
	bucket := bucketOf(row.Offset)
	if err := c.settle(ctx, bucket); err != nil {
		return err
	}
	if len(c.buckets) > 0 && c.buckets[0] == bucket {
		c.want = append(c.want, expected{*row, phone})
	}
	return nil
}

// settle compares the buckets below one to which the log has been read.
func (c *comparison) settle(ctx context.Context, below int64) error {
	for len(c.buckets) > 0 && c.buckets[0] < below {
		have, err := c.rowsIn(ctx, c.buckets[0])
		if err != nil {
			return err
		}
		have = slices.DeleteFunc(have, func(r view.Row) bool { return r.Time.Before(c.oldest) })
		c.compare(c.want, have)
		c.buckets, c.want = c.buckets[1:], c.want[:0]
	}
	return nil
}

// rowsIn reads what the view holds of a bucket.
func (p *partitionCheck) rowsIn(ctx context.Context, bucket int64) ([]view.Row, error) {
	return rowsIn(ctx, p.view, p.partition, bucket, p.to)
}

func rowsIn(ctx context.Context, v view.View, partition int32, bucket, end int64) ([]view.Row, error) {
	from := bucket << bucketBits
	if bucket == 0 {
		from = math.MinInt64
	}
	var rows []view.Row
	for row, err := range v.Rows(ctx, partition, from, min(end, (bucket+1)<<bucketBits)) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// compare names what differs between two lists in the order of their offsets. Of each offset the log wants one row at most.
func (c *comparison) compare(want []expected, have []view.Row) {
	for len(want) > 0 || len(have) > 0 {
		offset := int64(math.MaxInt64)
		if len(want) > 0 {
			offset = want[0].Offset
		}
		if len(have) > 0 {
			offset = min(offset, have[0].Offset)
		}
		var wanted *expected
		if len(want) > 0 && want[0].Offset == offset {
			wanted, want = &want[0], want[1:]
		}
		here := headAt(have, offset)
		c.compareAt(wanted, here)
		have = have[len(here):]
	}
}

// compareAt compares what is at one offset.
func (c *comparison) compareAt(want *expected, have []view.Row) {
	as := -1 // the row that is as the log wants it
	if want != nil {
		as = slices.IndexFunc(have, func(r view.Row) bool { return r.RecordID == want.RecordID && r.Text == want.Text })
		switch {
		case len(have) == 0:
			c.found.tell(c.name, RowMissing, c.partition, &want.Row, want.phone)
			return
		case as < 0:
			as = 0
			d := c.found.tell(c.name, RowDifferent, c.partition, &want.Row, want.phone)
			d.Columns = differingColumns(&want.Row, &have[0])
		}
	}
	for i := range have {
		if i != as {
			c.found.tell(c.name, RowExtra, c.partition, &have[i], phoneIn(have[i].Text))
		}
	}
}

// differingColumns names the columns that two rows differ in.
func differingColumns(a, b *view.Row) []string {
	var names []string
	if a.RecordID != b.RecordID {
		names = append(names, "record_id")
	}
	left, right := columnsOf(a.Text), columnsOf(b.Text)
	for name, value := range left {
		if other, there := right[name]; !there || other != value {
			names = append(names, name)
		}
	}
	for name := range right {
		if _, there := left[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// columnsOf takes a row's text apart: see view.Row.
func columnsOf(text string) map[string]string {
	columns := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		columns[name] = value
	}
	return columns
}

// phoneIn is the phone of a row, by its text: a row that no event explains has nothing else to tell whose it is.
func phoneIn(text string) string {
	phone := columnsOf(text)["phone"]
	if plain, err := strconv.Unquote(phone); err == nil {
		return plain
	}
	return phone
}

// erasedSince reads a partition from an offset to the log's present end, for its tombstones.
func (s *System) erasedSince(ctx context.Context, topic string, partition int32, from int64, bury func(uuid.UUID, int64)) error {
	all, err := s.bounds(ctx, topic)
	if err != nil {
		return err
	}
	return s.scan(ctx, topic, spans{partition: {from, all[partition].to}}, func(r *kgo.Record) onward {
		if record, err := uuid.ParseBytes(r.Key); err == nil && r.Value == nil {
			bury(record, r.Offset)
		}
		return more
	})
}

func byPlace(a, b Difference) int {
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}
