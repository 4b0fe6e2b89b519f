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
	partition int32
	number    uint64 // in the order in which they came
	place     *list.Element
	turn      chan struct{} // closed when it comes
}

func (l *lines) add(partition int32) *waiter {
	l.came++
	l.waiting++
	w := &waiter{partition: partition, number: l.came, turn: make(chan struct{})}
	w.place = l.partitions[partition].PushBack(w)
	return w
}

func (l *lines) remove(w *waiter) {
	l.partitions[w.partition].Remove(w.place)
	l.waiting--
}

// first is who has waited longest in the partitions that are open; nil for nobody.
func (l *lines) first(open func(partition int32) bool) (first *waiter) {
	if l.waiting == 0 {
		return nil
	}
	for p := range l.partitions {
		front := l.partitions[p].Front()
		if front == nil {
			continue
		}
		if w := front.Value.(*waiter); (first == nil || w.number < first.number) && open(w.partition) {
			first = w
		}
	}
	return first
}
