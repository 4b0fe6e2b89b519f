package submit

import (
	"container/list"

	"leadlog/events"
)

// lines are those who wait for a turn: one line for each partition, and who came first is known across them.
type lines struct {
	waiting    int64
	came       uint64 // how many there were so far
	partitions [events.Partitions]list.List
}

// waiter is one of them.
type waiter struct {
	record *events.Record
	number uint64 // in the order in which they came
	place  *list.Element
	turn   chan struct{} // closed when it comes
}

func (l *lines) add(record *events.Record) *waiter {
	l.came++
	l.waiting++
	w := &waiter{record: record, number: l.came, turn: make(chan struct{})}
	w.place = l.partitions[record.Partition].PushBack(w)
	return w
}

func (l *lines) remove(w *waiter) {
	l.partitions[w.record.Partition].Remove(w.place)
	l.waiting--
}

func (l *lines) empty(partition int32) bool { return l.partitions[partition].Len() == 0 }

// first is who has waited longest, but for those of some partitions; nil for nobody.
func (l *lines) first(without *[events.Partitions]bool) (first *waiter) {
	if l.waiting == 0 {
		return nil
	}
	for p := range l.partitions {
		front := l.partitions[p].Front()
		if front == nil || without[p] {
			continue
		}
		if w := front.Value.(*waiter); first == nil || w.number < first.number {
			first = w
		}
	}
	return first
}
