package kafkalog

import (
	"sync/atomic"

	"leadlog/events"
)

// shareOf is the part of the whole budget that one partition may hold: a quarter. A leader that is gone so blocks its own
// partition and leaves room for the others, and a cluster that is gone needs four partitions' worth to fill the budget.
const shareOf = 4

// budget counts what was given to the Kafka client and not yet answered. kgo has limits of its own, but they know no
// partitions; these are the ones that bite.
type budget struct {
	whole      account
	partitions [events.Partitions]account
}

// account is one limit in records and bytes, and what is taken of it.
type account struct {
	maxRecords, maxBytes int64
	records, bytes       atomic.Int64
}

func newBudget(records, bytes int64) *budget {
	b := &budget{}
	b.whole.maxRecords, b.whole.maxBytes = records, bytes
	for i := range b.partitions {
		b.partitions[i].maxRecords = max(1, records/shareOf)
		b.partitions[i].maxBytes = max(1, bytes/shareOf)
	}
	return b
}

// take reserves room for one record, or reports that there is none.
func (b *budget) take(partition int32, bytes int64) bool {
	if !b.partitions[partition].take(bytes) {
		return false
	}
	if !b.whole.take(bytes) {
		b.partitions[partition].give(bytes)
		return false
	}
	return true
}

// give returns what take reserved. Only a record's promise calls it: a timer that gave room back while kgo still holds the
// record would let the process grow without bound.
func (b *budget) give(partition int32, bytes int64) {
	b.partitions[partition].give(bytes)
	b.whole.give(bytes)
}

// take adds first and looks then: at the very edge two at once may both be sent away, but never both be let in.
func (a *account) take(bytes int64) bool {
	records, total := a.records.Add(1), a.bytes.Add(bytes)
	if records > a.maxRecords || total > a.maxBytes {
		a.give(bytes)
		return false
	}
	return true
}

func (a *account) give(bytes int64) {
	a.records.Add(-1)
	a.bytes.Add(-bytes)
}
