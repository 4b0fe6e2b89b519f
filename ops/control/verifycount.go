package control

import (
	"math"
	"slices"

	"github.com/google/uuid"

	"leadlog/projectors/view"
)

// differences counts what is wrong in one partition, and names what comes first.
type differences struct {
	counts map[DifferenceKind]int64
	named  []Difference
	lowest int64
}

// tell adds one, and returns it for what else is to be said of it.
func (d *differences) tell(name string, kind DifferenceKind, partition int32, row *view.Row, phone string) *Difference {
	if d.counts == nil {
		d.counts, d.lowest = make(map[DifferenceKind]int64), math.MaxInt64
	}
	d.counts[kind]++
	d.lowest = min(d.lowest, row.Offset)
	found := Difference{View: name, Kind: kind, Partition: partition, Offset: row.Offset, RecordID: row.RecordID, Phone: phone}
	if len(d.named) == nameMost {
		return &found
	}
	d.named = append(d.named, found)
	return &d.named[len(d.named)-1]
}

// drop takes back what is of a record that was erased meanwhile.
func (d *differences) drop(record uuid.UUID) {
	d.named = slices.DeleteFunc(d.named, func(found Difference) bool {
		if found.RecordID != record {
			return false
		}
		d.counts[found.Kind]--
		return true
	})
	if len(d.named) > 0 {
		d.lowest = d.named[0].Offset
	}
}

// dropPhones takes back what is of some phones.
func (d *differences) dropPhones(phones map[string]bool) {
	d.named = slices.DeleteFunc(d.named, func(found Difference) bool {
		if !phones[found.Phone] {
			return false
		}
		d.counts[found.Kind]--
		return true
	})
}

// add counts the differences of a partition.
func (c *viewCheck) add(partition int32, d *differences) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(d)
	if len(d.named) > 0 {
		c.verified.Lowest[partition] = d.lowest
	}
}

func (c *viewCheck) count(d *differences) {
	c.verified.Missing += d.counts[RowMissing]
	c.verified.Extra += d.counts[RowExtra]
	c.verified.Different += d.counts[RowDifferent]
	c.verified.Differences = append(c.verified.Differences, d.named...)
}
