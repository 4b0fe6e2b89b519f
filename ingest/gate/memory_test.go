package gate

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheThrottleInMemoryForgetsAfterAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(2)
		for range 2 {
			if left := m.over("a"); left != 0 {
				t.Fatalf("within the limit, but over it for %v", left)
			}
		}
		time.Sleep(20 * time.Second) //nolint:forbidigo // the bubble's clock
		if left := m.over("a"); left != 40*time.Second {
			t.Fatalf("over the limit for %v, want the rest of the window", left)
		}
		if left := m.over("b"); left != 0 {
			t.Fatal("another client has a limit of its own")
		}
		time.Sleep(40 * time.Second) //nolint:forbidigo // the bubble's clock
		if left := m.over("a"); left != 0 {
			t.Fatalf("a new window, but over the limit for %v", left)
		}
	})
}

func TestTheThrottleInMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemory(1)
	for i := range maxCounted + 1000 {
		if m.over(fmt.Sprint(i)) != 0 {
			t.Fatalf("client %d was never seen before", i)
		}
	}
	if n := len(m.counts); n != maxCounted {
		t.Fatalf("%d clients are kept", n)
	}
	if m.over("0") == 0 {
		t.Fatal("a client that is counted stays counted")
	}
}

func TestNoLimitIsNoThrottle(t *testing.T) {
	t.Parallel()
	m := newMemory(0)
	for range 100 {
		if m.over("a") != 0 {
			t.Fatal("0 means no limit")
		}
	}
}
