package control

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"leadlog/projectors/audit"
)

// tellTwice tells, of the documents that are missing, those that another record has taken the place of: it has the same key.
// That other document is as the log says, or it would be named as extra.
func (c *viewCheck) tellTwice(ctx context.Context) error {
	if c.name != audit.Name || c.verified.Missing == 0 {
		return nil
	}
	missing, extra := make(map[uuid.UUID][]*Difference), make(map[place]bool)
	for i := range c.verified.Differences {
		switch d := &c.verified.Differences[i]; d.Kind {
		case RowMissing:
			missing[d.RecordID] = append(missing[d.RecordID], d)
		case RowExtra:
			extra[place{d.Partition, d.Offset}] = true
		case RowDifferent, KeyUsedTwice, OnlyInLeads, OnlyInAudit:
		}
	}
	c.twice = make(map[uuid.UUID]bool)
	for records := range slices.Chunk(slices.Collect(maps.Keys(missing)), forgetAtOnce) {
		for row, err := range c.derived.Held(ctx, records) {
			if err != nil {
				return err
			}
			if extra[place{row.Partition, row.Offset}] {
				continue
			}
			for _, d := range missing[row.RecordID] {
				d.Kind, d.Columns = KeyUsedTwice, []string{fmt.Sprintf("also of %d/%d", row.Partition, row.Offset)}
				c.verified.Missing--
				c.verified.KeysUsedTwice++
			}
			c.twice[row.RecordID] = true
		}
	}
	return nil
}
