package viewtest

import (
	"slices"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

// stored returns the one position in the store.
func (h *harness) stored() view.Position {
	h.Helper()
	positions, err := h.View.Positions(h.ctx(), events.Topic)
	if err != nil || len(positions) != 1 {
		h.Fatalf("positions %+v, %v", positions, err)
	}
	return positions[0]
}

func (h *harness) hold(hold bool) {
	h.Helper()
	at, err := h.View.Hold(h.ctx(), h.stream, hold)
	if err != nil || at.Hold != hold || at != h.stored() {
		h.Fatalf("hold %v: %+v, %v; stored is %+v", hold, at, err, h.stored())
	}
}

func held(h *harness) {
	h.stream.Projection = h.View.Name()
	_, err := h.View.Hold(h.ctx(), h.stream, true)
	h.mustBe(err, view.ErrPositionGone)
	log := h.log(10)
	at := h.apply(h.claim(), log[:5]...)
	want := h.rows()
	h.hold(true)
	h.hold(true) // once more is nothing
	_, err = h.try(at, log[5:]...)
	h.mustBe(err, view.ErrHeld)
	claimed, err := h.View.Claim(h.ctx(), at.Stream)
	h.mustBe(err, view.ErrHeld)
	if !claimed.Hold || claimed.Target != view.NoTarget || claimed.Next != 5 || claimed.Generation != at.Generation {
		h.Fatalf("a held claim returned %+v", claimed)
	}
	h.sameRows(h.rows(), want, "held")
	h.hold(false)
	h.apply(at, log[5:]...) // nobody else was here meanwhile
	h.sameAsFresh(log)
}

func rewindPaused(h *harness) {
	log := h.log(20)
	at := h.apply(h.claim(), log...)
	h.hold(true)
	moved := h.mustRewind(at, 0) // at is what a plan has seen, before the pause
	if stored := h.stored(); !moved.Hold || moved != stored || moved.Next != 0 || moved.Target != view.NoTarget || moved.Paused {
		h.Fatalf("rewound to %+v, stored is %+v", moved, stored)
	}
	if got := h.rows(); !h.InPlace && len(got) != 0 {
		h.Fatalf("%d rows are left", len(got))
	}
	_, err := h.View.Claim(h.ctx(), h.stream)
	h.mustBe(err, view.ErrHeld)
	h.hold(false)
	h.apply(h.claim(), log...)
	h.sameAsFresh(log)
}

func causeKept(h *harness) {
	log := h.log(10)
	at := h.apply(h.claim(), log...)
	if at.Cause != "" {
		h.Fatalf("nobody moved it, and its cause is %q", at.Cause)
	}
	if _, _, err := h.View.Rewind(h.ctx(), at, 0, "plan 7"); err != nil {
		h.Fatal(err)
	}
	at = h.apply(h.claim(), log[:5]...)
	h.hold(true)
	h.hold(false)
	at = h.apply(at, log[5:]...)
	if stored := h.stored(); stored.Cause != "plan 7" || at.Cause != "plan 7" {
		h.Fatalf("the causes are %q and, stored, %q", at.Cause, stored.Cause)
	}
}

func paceKept(h *harness) {
	log := h.log(2)
	at, err := h.View.Apply(h.ctx(), h.claim(), view.Mark{Next: 1, Epoch: 1, Pace: 12345.5}, log[:1])
	if err != nil {
		h.Fatal(err)
	}
	h.hold(true)
	h.hold(false)
	at, _, err = h.View.Rewind(h.ctx(), at, 0, "test")
	if again := h.claim(); err != nil || at.Pace != 12345.5 || again.Pace != 12345.5 || h.stored().Pace != 12345.5 {
		h.Fatalf("the paces are %v, %v and %v; %v", at.Pace, again.Pace, h.stored().Pace, err)
	}
}

// holes returns the places of all holes, in pairs.
func (h *harness) holes(v view.View) (places []int64) {
	h.Helper()
	holes, err := v.Holes(h.ctx(), events.Topic)
	if err != nil {
		h.Fatal(err)
	}
	for _, hole := range holes {
		if hole.Partition != h.stream.Partition || hole.Cause == "" || hole.Reason == "" || hole.Since.IsZero() {
			h.Fatalf("a hole is %+v", hole)
		}
		places = append(places, hole.From, hole.To)
	}
	return places
}

func (h *harness) sameHoles(want ...int64) {
	h.Helper()
	if got := h.holes(h.View); !slices.Equal(got, want) {
		h.Fatalf("the holes are %v, want %v", got, want)
	}
}

func (h *harness) skip(at view.Position, from, to int64) (view.Position, error) {
	return h.View.Skip(h.ctx(), at, view.Hole{From: from, To: to, Cause: "plan 8", Reason: "the store refuses it"})
}

func skip(h *harness) {
	log := h.oneEach(12)
	at := h.apply(h.claim(), log[:5]...)
	h.sameHoles()
	moved, err := h.skip(at, 5, 8)
	if err != nil || moved != h.stored() || moved.Next != 8 || moved.Generation <= at.Generation || moved.Cause != "plan 8" {
		h.Fatalf("moved to %+v, %v; stored is %+v", moved, err, h.stored())
	}
	_, err = h.try(at, log[5])
	h.mustBe(err, view.ErrFenced)
	at = h.apply(h.claim(), log[8:11]...)
	if _, err := h.skip(at, 11, 12); err != nil {
		h.Fatal(err)
	}
	h.sameHoles(5, 8, 11, 12)
	var got []int64
	for _, row := range h.rows() {
		got = append(got, row.Offset)
	}
	if want := []int64{0, 1, 2, 3, 4, 8, 9, 10}; !slices.Equal(got, want) {
		h.Fatalf("rows of %v, want %v", got, want)
	}
}

func skipElsewhere(h *harness) {
	at := h.apply(h.claim(), h.log(5)...)
	for _, wrong := range [][2]int64{{4, 8}, {6, 8}, {5, 5}, {5, 4}, {0, 1}} {
		_, err := h.skip(at, wrong[0], wrong[1])
		h.mustBe(err, view.ErrNotForward)
		if view.Classify(err) != view.Stop {
			h.Fatalf("%v would be tried again", err)
		}
	}
	old, other := at, at
	old.Generation--
	other.TopicID = uuid.MustParse("0191d5a0-0000-7000-8000-000000000002")
	for _, wrong := range []view.Position{old, other} {
		_, err := h.skip(wrong, 5, 8)
		h.mustBe(err, view.ErrFenced)
	}
	if stored := h.stored(); stored != at {
		h.Fatalf("stored is %+v, want %+v", stored, at)
	}
	h.sameHoles()
}

func skipAgain(h *harness) {
	at := h.apply(h.claim(), h.log(5)...)
	for _, to := range []int64{8, 10, 7} {
		moved, err := h.skip(at, 5, to)
		if err != nil {
			h.Fatal(err)
		}
		at = h.mustRewind(moved, 5)
	}
	h.sameHoles(5, 10)
}

func adopt(h *harness) {
	anew := uuid.MustParse("0191d5a0-0000-7000-8000-000000000002")
	log := h.log(10)
	at := h.apply(h.claim(), log[:5]...)
	old, other := at, at
	old.Generation--
	other.TopicID = anew
	for _, wrong := range []view.Position{old, other} {
		_, err := h.View.Adopt(h.ctx(), wrong, anew, "plan 9")
		h.mustBe(err, view.ErrFenced)
	}
	h.hold(true) // a restored cluster is looked at first
	moved, err := h.View.Adopt(h.ctx(), at, anew, "plan 9")
	h.stream.TopicID = anew
	if err != nil || moved.TopicID != anew || moved.Next != 5 || moved.Cause != "plan 9" || !moved.Hold || moved != h.stored() {
		h.Fatalf("adopted: %+v, %v; stored is %+v", moved, err, h.stored())
	}
	h.hold(false)
	_, err = h.try(at, log[5:]...)
	h.mustBe(err, view.ErrFenced)
	_, err = h.View.Claim(h.ctx(), at.Stream)
	h.mustBe(err, view.ErrOtherTopic)
	h.apply(h.claim(), log[5:]...)
	h.sameAsFresh(log)
}
