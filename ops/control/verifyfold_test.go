package control

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

// The fold that forgets gives the verdicts of the one that does not, or says that it can't; and a log of a month takes no more
// memory than one of three days.
func TestAFoldThatForgetsJudgesTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		forgetful, rule := newFold(true, make(map[uuid.UUID]int64)), make(events.Window)
		at, most := time.UnixMilli(1_700_000_000_000), 0
		for offset := range int64(20_000) {
			at = at.Add(time.Duration(random.Int64N(int64(4 * time.Minute))))
			late := time.Duration(random.Int64N(int64(23 * time.Hour))) // of a broker whose clock is behind
			if random.IntN(20) > 0 {
				late = 0
			}
			e := &events.Event{Offset: offset, RecordID: uuid.New(), Time: at.Add(-late)}
			e.Phone = fmt.Sprintf("0912%07d", random.IntN(400))
			if random.IntN(3) == 0 {
				e.Phone = fmt.Sprintf("+98912%07d", offset) // never seen again
			}
			got, err := forgetful.judge(e)
			if want := rule.Judge(e); err != nil || got != want {
				t.Fatalf("seed %d, offset %d: %v, %v, want %v", seed, offset, got, err, want)
			}
			most = max(most, len(forgetful.openers))
		}
		if most > 2000 {
			t.Errorf("seed %d: %d openers were kept of %d", seed, most, len(rule))
		}
	}
}

// What it might judge wrongly, it does not judge.
func TestAFoldKnowsWhatItForgot(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000)
	event := func(phone string, after time.Duration) *events.Event {
		e := &events.Event{RecordID: uuid.New(), Time: start.Add(after)}
		e.Phone = phone
		return e
	}
	for back, want := range map[time.Duration]error{22 * time.Hour: nil, 24 * time.Hour: nil, 24*time.Hour + time.Millisecond: errSteppedBack, 300 * time.Hour: errSteppedBack} {
		f := newFold(true, make(map[uuid.UUID]int64))
		for _, e := range []*events.Event{event("09121111111", 0), event("09122222222", 200*time.Hour)} {
			if _, err := f.judge(e); err != nil {
				t.Fatal(err)
			}
		}
		if len(f.openers) != 1 {
			t.Errorf("%d openers are kept", len(f.openers))
		}
		if _, err := f.judge(event("09121111111", 200*time.Hour-back)); !errors.Is(err, want) {
			t.Errorf("back by %s: %v, want %v", back, err, want)
		}
	}
}

func TestAPhoneFitsIn64Bits(t *testing.T) {
	t.Parallel()
	seen := make(map[uint64]string)
	for _, phone := range []string{
		"0912345678", "00123456789", "0123456789", "123456789012345", "+123456789012345", "+999999999999999", "999999999999999",
		"000000000000000", "00000000000000", "+1234", "1234567890",
	} {
		key := phoneKey(phone)
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s have the same key", phone, other)
		}
		seen[key] = phone
	}
}
