package viewtest

import (
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

func appliedOnce(h *harness) {
	at := h.claim()
	batch := h.log(20)
	h.apply(at, batch...)
	want := h.rows()
	if len(want) == 0 {
		h.Fatal("nothing was applied")
	}
	_, err := h.try(at, batch...)
	h.mustBe(err, view.ErrFenced)
	h.sameRows(h.rows(), want, "applied again")
}

// Interleaving 1, the store's part: A froze, B claimed and went on; A is fenced, and so is B once A has claimed; B claims
// again and goes on from what is stored.
func zombie(h *harness) {
	log := h.log(30)
	a := h.claim()
	b := h.claim()
	_, err := h.try(a, log[:10]...)
	h.mustBe(err, view.ErrFenced)
	if got := h.rows(); len(got) != 0 {
		h.Fatalf("a fenced worker wrote %d rows", len(got))
	}
	b = h.apply(b, log[:10]...)
	h.claim() // A thaws
	_, err = h.try(b, log[10:20]...)
	h.mustBe(err, view.ErrFenced)
	b = h.claim()
	if b.Next != 10 {
		h.Fatalf("claimed at %d, want 10", b.Next)
	}
	h.apply(b, log[10:]...)
	h.sameAsFresh(log)
}

func wrongNext(h *harness) {
	log := h.log(10)
	at := h.apply(h.claim(), log[:5]...)
	for _, next := range []int64{0, 4, 6} {
		wrong := at
		wrong.Next = next
		_, err := h.try(wrong, log[5:]...)
		h.mustBe(err, view.ErrFenced)
	}
	h.apply(at, log[5:]...)
}

// Interleaving 9, the store's part.
func gone(h *harness) {
	log := h.log(10)
	at := h.apply(h.claim(), log[:5]...)
	want := h.rows()
	if err := h.RemovePosition(h.ctx(), at.Stream); err != nil {
		h.Fatal(err)
	}
	_, err := h.try(at, log[5:]...)
	h.mustBe(err, view.ErrPositionGone)
	_, err = h.View.Claim(h.ctx(), at.Stream)
	h.mustBe(err, view.ErrPositionGone)
	h.sameRows(h.rows(), want, "without a position")
	if has, err := h.View.HasRows(h.ctx(), at.Partition); err != nil || has == h.InPlace {
		h.Fatalf("has rows: %v, %v", has, err)
	}
}

func otherTopic(h *harness) {
	at := h.claim()
	anew := at
	anew.TopicID = uuid.MustParse("0191d5a0-0000-7000-8000-000000000002")
	stored, err := h.View.Claim(h.ctx(), anew.Stream)
	h.mustBe(err, view.ErrOtherTopic)
	if stored.TopicID != at.TopicID {
		h.Fatalf("the stored topic id is %s, want %s", stored.TopicID, at.TopicID)
	}
	_, err = h.try(anew, h.log(3)...)
	h.mustBe(err, view.ErrFenced)
	h.apply(at, h.log(3)...) // nothing has changed
}

func createdOnce(h *harness) {
	h.apply(h.claim(), h.log(5)...)
	if err := h.View.Create(h.ctx(), view.Position{Stream: h.stream, Mark: view.Mark{Next: 0, Epoch: -1}}); err != nil {
		h.Fatal(err)
	}
	if at := h.claim(); at.Next != 5 {
		h.Fatalf("a second create moved the position to %d", at.Next)
	}
}

func emptyBatch(h *harness) {
	at := h.claim()
	moved, err := h.View.Apply(h.ctx(), at, view.Mark{Next: 7, Epoch: 2}, nil)
	if err != nil || moved.Next != 7 || moved.Epoch != 2 {
		h.Fatalf("moved to %+v, %v", moved, err)
	}
	if again := h.claim(); again.Next != 7 || again.Epoch != 2 || again.Generation != at.Generation+1 {
		h.Fatalf("stored is %+v", again)
	}
}

func partitions(h *harness) {
	log := h.log(10)
	h.apply(h.claim(), log...)
	want := h.rows()
	mine := h.stream
	h.stream = stream(4)
	other := make([]events.Event, len(log))
	for i, e := range log {
		e.Partition, e.RecordID = 4, recordID(4, e.Offset)
		other[i] = e
	}
	at := h.apply(h.claim(), other...)
	if !h.InPlace {
		if got := h.rows(); len(got) != len(want) {
			h.Fatalf("the same log in another partition has %d rows, want %d", len(got), len(want))
		}
		h.mustRewind(at, 0)
	}
	positions, err := h.View.Positions(h.ctx(), events.Topic)
	if err != nil || len(positions) != 2 || positions[0].Partition != 3 || positions[0].Next != 10 {
		h.Fatalf("positions %+v, %v", positions, err)
	}
	if h.stream = mine; !h.InPlace {
		h.sameRows(h.rows(), want, "after a rewind of another partition")
	}
}

func tombstone(h *harness) {
	log := h.oneEach(6)
	at := h.apply(h.claim(), log...)
	want := without(h.rows(), log[2].RecordID, log[4].RecordID)
	at = h.apply(at, h.forget(6, log[2]), h.forget(7, log[4]))
	h.sameRows(h.rows(), want, "after the tombstones")
	h.apply(at, h.forget(8, log[2])) // a second one is nothing
	h.sameRows(h.rows(), want, "after one more")
}

func tombstoneBefore(h *harness) {
	log := h.oneEach(6)
	at := h.apply(h.claim(), log[:3]...)
	want := h.rows()
	unknown := log[5]
	unknown.RecordID = recordID(9, 99)
	at = h.apply(at, h.forget(3, unknown), h.forget(4, events.Event{}))
	h.sameRows(h.rows(), want, "after tombstones of nothing")
	h.apply(at, log[5])
	if got := h.rows(); len(got) != len(want)+1 {
		h.Fatalf("%d rows, want %d", len(got), len(want)+1)
	}
}

func tombstoneInBatch(h *harness) {
	log := h.oneEach(6)
	batch := append(log[:5:5], h.forget(5, log[1]), shift(log[5], 6))
	h.apply(h.claim(), batch...)
	got := h.rows()
	if len(got) != 5 {
		h.Fatalf("%d rows, want 5", len(got))
	}
	h.sameRows(without(got, log[1].RecordID), got, "the forgotten one")
}

// Erasure names every event of a phone; what comes after it is judged as if they had never been.
func erasedOpener(h *harness) {
	base := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Millisecond) // its window is open, so that dedup shows it
	first := h.event(0, "09120000001", base)
	again := h.event(1, "09120000001", base.Add(time.Minute))
	later := h.event(4, "09120000001", base.Add(2*time.Minute))
	dup := h.event(5, "09120000001", base.Add(3*time.Minute))
	log := []events.Event{first, again, h.forget(2, first), h.forget(3, again), later, dup}
	at := h.claim()
	for _, e := range log {
		at = h.apply(at, e)
	}
	got := h.rows()
	if len(got) == 0 || got[0].RecordID != later.RecordID {
		h.Fatalf("the opener after the erasure is not %s: %+v", later.RecordID, got)
	}
	h.sameAsFresh(log)
}

func rewind(h *harness) {
	log, to := h.log(40), int64(25)
	at := h.apply(h.claim(), log[:to]...)
	before := h.rows()
	at = h.apply(at, log[to:]...)
	want := h.rows()
	if h.InPlace {
		to = 0 // what was known at 25 is overwritten; only a fold from further back than all windows is exact
	}
	moved, _, err := h.View.Rewind(h.ctx(), at, to, "test")
	if err != nil || moved.Next != to || moved.Generation <= at.Generation || moved.Hold {
		h.Fatalf("rewound to %+v, %v", moved, err)
	}
	if !h.InPlace {
		h.sameRows(h.rows(), before, "after the rewind")
	}
	_, err = h.try(at, shift(log[0], 40))
	h.mustBe(err, view.ErrFenced)
	h.apply(h.claim(), log[to:]...)
	h.sameRows(h.rows(), want, "after it was applied again")
}

func rewindForwards(h *harness) {
	at := h.apply(h.claim(), h.log(5)...)
	_, _, err := h.View.Rewind(h.ctx(), at, 6, "test")
	h.mustBe(err, view.ErrNotBack)
	old := at
	old.Generation--
	_, _, err = h.View.Rewind(h.ctx(), old, 0, "test")
	h.mustBe(err, view.ErrFenced)
	if again := h.claim(); again.Next != 5 {
		h.Fatalf("the position moved to %d", again.Next)
	}
}

// Interleaving 2, the store's part: what the watch reads differs at once.
func rewindIdle(h *harness) {
	at := h.apply(h.claim(), h.log(5)...)
	h.mustRewind(at, 2)
	positions, err := h.View.Positions(h.ctx(), events.Topic)
	if err != nil || len(positions) != 1 {
		h.Fatalf("positions %+v, %v", positions, err)
	}
	if p := positions[0]; p.Generation <= at.Generation || p.Next != 2 || p.TopicID.String() != topicID {
		h.Fatalf("stored is %+v after a rewind from %+v", p, at)
	}
}

func alarms(h *harness) {
	at := h.claim()
	for _, reason := range []string{"first", "second"} {
		if err := h.View.Alarm(h.ctx(), at.Stream, reason); err != nil {
			h.Fatal(err)
		}
		got, err := h.View.Alarms(h.ctx(), events.Topic)
		if err != nil || got[at.Partition].Reason != reason || time.Since(got[at.Partition].Since).Abs() > time.Hour {
			h.Fatalf("alarms %+v, %v", got, err)
		}
	}
	if err := h.View.Alarm(h.ctx(), at.Stream, ""); err != nil {
		h.Fatal(err)
	}
	if got, err := h.View.Alarms(h.ctx(), events.Topic); err != nil || len(got) != 0 {
		h.Fatalf("alarms %+v, %v", got, err)
	}
}
