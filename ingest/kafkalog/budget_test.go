package kafkalog

import (
	"sync"
	"testing"

	"leadlog/events"
)

func TestOnePartitionGetsAQuarterOfTheBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(40, 1<<20)
	for range 10 {
		if !b.take(3, 1) {
			t.Fatal("a partition must get a quarter")
		}
	}
	if b.take(3, 1) {
		t.Fatal("a partition must not get more than a quarter")
	}
	if !b.take(4, 1) {
		t.Fatal("a full partition must leave room for the others")
	}
}

func TestTheBudgetCountsBytesToo(t *testing.T) {
	t.Parallel()
	b := newBudget(1000, 4000)
	if !b.take(0, 1000) || b.take(0, 1) {
		t.Fatal("a partition's share of the bytes is a quarter")
	}
	b.give(0, 1000, true)
	if !b.take(0, 1000) {
		t.Fatal("what was given back must be there again")
	}
}

func TestTheBudgetNeverLetsMoreInThanItHolds(t *testing.T) {
	t.Parallel()
	const whole = 100
	b := newBudget(whole, 1<<30)
	var wg sync.WaitGroup
	var mu sync.Mutex
	held := 0
	for i := range 400 {
		wg.Go(func() {
			if b.take(int32(i%events.Partitions), 10) {
				mu.Lock()
				held++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if held > whole {
		t.Fatalf("%d records got in, %d is the whole budget", held, whole)
	}
	if n := b.whole.records.Load(); n != int64(held) {
		t.Fatalf("%d are counted, %d are held", n, held)
	}
}
