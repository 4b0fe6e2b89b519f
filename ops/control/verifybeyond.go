package control

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/projectors/view"
)

// beyond names what a view holds where the comparison up to its positions never looks: rows of partitions that the log does
// not have, and rows at or past a position.
func (c *viewCheck) beyond(ctx context.Context) error {
	if len(c.what.Partitions.Numbers) == 0 {
		if err := c.strays(ctx); err != nil {
			return err
		}
	}
	for _, partition := range numbers(c.bounds) {
		if err := c.ahead(ctx, partition); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
	}
	return nil
}

// strays names the rows of partitions that the log does not have.
func (c *viewCheck) strays(ctx context.Context) error {
	partitions := int32(events.Partitions)
	for partition := range c.bounds {
		partitions = max(partitions, partition+1)
	}
	var found differences
	for row, err := range c.derived.Strays(ctx, partitions) {
		if err != nil {
			return err
		}
		found.tell(c.name, RowExtra, row.Partition, &row, phoneIn(row.Text))
	}
	c.addBeyond(&found)
	return nil
}

// aheadRows are rows at or past a position as it was read before them.
type aheadRows struct {
	first []view.Row // at most nameMost of them
	more  int64      // behind those
}

// ahead names the rows at or past the position. Traffic moves that on while they are read, so it is read once more behind
// them: what stands at or past the second one was never below a position, unless somebody rewound meanwhile, and then all
// of the verification is to be repeated. Only where more rows came by in between than are kept is it tried again.
func (c *viewCheck) ahead(ctx context.Context, partition int32) error {
	for from := c.bounds[partition].to; ; {
		rows, err := c.rowsFrom(ctx, partition, from)
		if err != nil || len(rows.first) == 0 {
			return err
		}
		positions, err := c.view.Positions(ctx, c.what.topic())
		if err != nil {
			return err
		}
		now := max(byPartition(positions)[partition].Next, c.bounds[partition].to)
		if rows.more > 0 && rows.first[len(rows.first)-1].Offset < now {
			from = now
			continue
		}
		return c.nameAhead(ctx, partition, rows, now)
	}
}

func (c *viewCheck) rowsFrom(ctx context.Context, partition int32, from int64) (rows aheadRows, err error) {
	for row, err := range c.view.Rows(ctx, partition, from, math.MaxInt64) {
		switch {
		case err != nil:
			return rows, err
		case len(rows.first) < nameMost:
			rows.first = append(rows.first, row)
		default:
			rows.more++
		}
	}
	return rows, nil
}

func (c *viewCheck) nameAhead(ctx context.Context, partition int32, rows aheadRows, position int64) error {
	strange := rows.first[:0]
	for _, row := range rows.first {
		if row.Offset >= position {
			strange = append(strange, row)
		}
	}
	if c.derived.Early() {
		var err error
		if strange, err = c.withoutRecord(ctx, partition, strange); err != nil {
			return err
		}
		if rows.more > 0 {
			c.note("partition %d: %d more documents stand past its position, and were not looked at", partition, rows.more)
			rows.more = 0
		}
	}
	var found differences
	for i := range strange {
		found.tell(c.name, RowExtra, partition, &strange[i], phoneIn(strange[i].Text))
	}
	if rows.more > 0 {
		found.counts[RowExtra] += rows.more
	}
	c.addBeyond(&found)
	return nil
}

// withoutRecord leaves out the rows whose records the log has in their places: the view has yet to come to those, and whoever
// is at work, or was stopped in the middle of it, has written them already. The log is asked after the rows were read.
func (c *viewCheck) withoutRecord(ctx context.Context, partition int32, rows []view.Row) ([]view.Row, error) {
	if len(rows) == 0 {
		return rows, nil
	}
	log, err := c.System.bounds(ctx, c.what.topic())
	if err != nil {
		return nil, err
	}
	stretch := span{rows[0].Offset, min(rows[len(rows)-1].Offset+1, log[partition].to)}
	holes, known := c.holes[partition], make(map[int64]uuid.UUID)
	err = c.scan(ctx, c.what.topic(), spans{partition: stretch}, func(r *kgo.Record) onward {
		if record, err := uuid.ParseBytes(r.Key); err == nil && r.Value != nil && !inHole(holes, r.Offset) {
			known[r.Offset] = record
		}
		return more
	})
	without := rows[:0]
	for _, row := range rows {
		if record, there := known[row.Offset]; !there || record != row.RecordID {
			without = append(without, row)
		}
	}
	return without, err
}

// addBeyond counts differences that no rewind mends.
func (c *viewCheck) addBeyond(d *differences) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(d)
	c.verified.Beyond += d.counts[RowExtra]
}
