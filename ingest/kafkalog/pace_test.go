package kafkalog

import (
	"testing"
	"time"
)

func TestAPartitionMayHoldWhatItAcknowledgesWhilePeopleWait(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var p pace
	if got := p.room(now); got != leastRoom {
		t.Fatalf("room for %d before anything is known, want %d", got, leastRoom)
	}
	for range 2000 { // a thousand a second, for two seconds
		p.ack(now)
		now = now.Add(time.Millisecond)
	}
	if got, want := p.room(now), int64(1000*patience/time.Second); got != want {
		t.Fatalf("room for %d at 1000 a second, want %d", got, want)
	}
	now = now.Add(paceWindow - time.Millisecond)
	if got := p.room(now); got != int64(1000*patience/time.Second) {
		t.Fatalf("room for %d after a pause shorter than a window", got)
	}
	now = now.Add(2 * paceWindow)
	if got := p.room(now); got != leastRoom {
		t.Fatalf("room for %d of a partition that has stopped, want %d", got, leastRoom)
	}
}

func TestAPaceThatRisesIsBelievedAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var p pace
	for range 1000 {
		p.ack(now)
	}
	if got, want := p.room(now.Add(time.Millisecond)), int64(1000*patience/paceWindow); got != want {
		t.Fatalf("room for %d, want %d", got, want)
	}
}

// A leader that is gone leaves the others all their room: its partitions fill a fraction of the whole.
func TestPartitionsThatDoNotAnswerFillLittleOfTheBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(DefaultMaxRecords, DefaultMaxBytes)
	held := 0
	for partition := range int32(4) {
		for b.take(partition, 1000) {
			held++
		}
	}
	if held != 4*leastRoom {
		t.Errorf("four partitions that answer nothing hold %d records, want %d", held, 4*leastRoom)
	}
	if !b.take(4, 1000) {
		t.Error("another partition has no room")
	}
	b.give(0, 1000, false)
	if !b.take(0, 1000) {
		t.Error("what was given back is not there again")
	}
}
