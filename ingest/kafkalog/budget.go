package kafkalog

import (
	"sync/atomic"
	"time"

	"leadlog/events"
)

// shareOf is the part of the whole budget that one partition may hold: a quarter.
const shareOf = 4

// budget counts what is about to be given to the Kafka client, or was and is not yet answered. kgo has limits of its own, but they know no
// partitions; these are the ones that bite.
//
// Each partition has a bound of its own that follows its pace: what it acknowledges in the time that people may be asked to
// wait. So nobody is let in who would wait too long and be told "unknown" in the end, and a leader that is gone fills next to
// nothing of what the others need.
type budget struct {
	whole      account
	partitions [events.Partitions]struct {
		account

		pace pace
	}
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
	p := &b.partitions[partition]
	if !p.take(bytes) {
		return false
	}
	if p.records.Load() > p.pace.room(time.Now()) || !b.whole.take(bytes) {
		p.give(bytes)
		return false
	}
	return true
}

// give returns what take reserved. Of what kgo has, only its promise calls it: a timer that gave room back while kgo still holds the
// record would let the process grow without bound.
func (b *budget) give(partition int32, bytes int64, acked bool) {
	p := &b.partitions[partition]
	p.give(bytes)
	b.whole.give(bytes)
	if acked {
		p.pace.ack(time.Now())
	}
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
