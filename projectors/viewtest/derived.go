package viewtest

import (
	"fmt"
	"math"
	"slices"

	"leadlog/events"
	"leadlog/projectors/view"
)

// derive returns what a log says that a view holds: the verdicts are the fold's own.
func (h *harness) derive(d view.Derived, log []events.Event) (rows []view.Row) {
	window := make(events.Window)
	for i := range log {
		if row, ok := d.Derive(&log[i], window.Judge(&log[i])); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// fully returns a log with something in every column.
func (h *harness) fully() []events.Event {
	log := h.log(60)
	for i := range log {
		e := &log[i]
		e.Suspect, e.Consent, e.PhoneRegion = i%3 == 0, "2025-01", "IR"
		e.Page, e.Referrer = fmt.Sprintf("https://landing.example/?a=%d&b=\"\\", i), "https://search.example/?q=خانه\n"
		e.Variant, e.Device = "b", "mobile"
		switch i % 4 { // with and without what jsonb has to escape, and in another order
		case 0:
			e.Campaign = events.Campaign{Source: "search", Medium: "cpc", Name: "autumn", Term: "a b", Content: "<hero>"}
		case 1:
			e.Campaign = events.Campaign{Content: "\"\\\n\t\u2028😀", Term: "}, {"}
		case 2:
			e.Campaign = events.Campaign{Medium: `\u0041`, Name: "نوروز"}
		}
	}
	return log
}

func derived(h *harness) {
	d := h.View.Derived()
	if d == nil {
		if !h.InPlace {
			h.Fatal("its rows can't be told from the log")
		}
		return
	}
	log := h.extremes()
	for _, e := range h.fully() {
		e.Offset += 3
		e.RecordID = recordID(e.Partition, e.Offset)
		log = append(log, e)
	}
	h.apply(h.claim(), log...)
	want := h.derive(d, log)
	if len(want) == 0 {
		h.Fatal("nothing is derived")
	}
	h.sameRows(h.rows(), want, "derived")
	for _, row := range want {
		other := row
		other.Text += "."
		if slices.Contains(want, other) {
			h.Fatal("rows are not told apart")
		}
	}
}

func openersOfFold(h *harness) {
	d := h.View.Derived()
	if d == nil {
		return
	}
	log := h.log(80)
	h.apply(h.claim(), log...)
	phones := append(events.Phones(log), "+989121111111")
	for _, below := range []int64{0, 1, 17, 40, 79, 80, math.MaxInt64} {
		want := make(events.Window)
		for i := range log[:min(below, int64(len(log)))] {
			want.Judge(&log[i])
		}
		got, err := d.Openers(h.ctx(), h.stream.Partition, below, phones)
		if err != nil || len(got) != len(want) {
			h.Fatalf("%d openers below %d, want %d: %v", len(got), below, len(want), err)
		}
		for phone, o := range want {
			if g := got[phone]; g.Offset != o.Offset || !g.Time.Equal(o.Time) {
				h.Fatalf("below %d the opener of %s is %+v, want %+v", below, phone, g, o)
			}
		}
		if got, err := d.Openers(h.ctx(), h.stream.Partition+1, below, phones); err != nil || len(got) != 0 {
			h.Fatalf("another partition has %d openers, %v", len(got), err)
		}
	}
	if got, err := d.Openers(h.ctx(), h.stream.Partition, 80, nil); err != nil || len(got) != 0 {
		h.Fatalf("of no phone there are %d openers, %v", len(got), err)
	}
}

func bounds(h *harness) {
	h.apply(h.claim(), h.oneEach(20)...)
	all := h.rows()
	for _, b := range [][2]int64{{0, 20}, {0, 0}, {5, 6}, {5, 5}, {7, 3}, {19, 30}, {20, math.MaxInt64}, {3, 17}} {
		var got []int64
		for row, err := range h.View.Rows(h.ctx(), h.stream.Partition, b[0], b[1]) {
			if err != nil {
				h.Fatal(err)
			}
			got = append(got, row.Offset)
		}
		var want []int64
		for _, row := range all {
			if row.Offset >= b[0] && row.Offset < b[1] {
				want = append(want, row.Offset)
			}
		}
		if !slices.Equal(got, want) {
			h.Fatalf("from %d to %d: %v, want %v", b[0], b[1], got, want)
		}
		h.counts(b[0], b[1], want)
	}
	for _, err := range h.View.Rows(h.ctx(), h.stream.Partition, 0, 20) {
		if err != nil {
			h.Fatal(err)
		}
		break // whoever stops early leaves nothing open
	}
	if got := h.rows(); len(got) != len(all) {
		h.Fatalf("%d rows after that, want %d", len(got), len(all))
	}
}

// counts holds Count against the offsets of the rows.
func (h *harness) counts(from, to int64, want []int64) {
	h.Helper()
	d := h.View.Derived()
	if d == nil {
		return
	}
	for _, limit := range []int{1, 3, len(want) + 1, 1000} {
		n, last := min(limit, len(want)), int64(-1)
		if n > 0 {
			last = want[n-1]
		}
		gotN, gotLast, err := d.Count(h.ctx(), h.stream.Partition, from, to, limit)
		if err != nil || gotN != n || gotLast != last {
			h.Fatalf("at most %d from %d to %d: %d rows up to %d, %v; want %d up to %d", limit, from, to, gotN, gotLast, err, n, last)
		}
	}
}

// Interleaving 14, the store's part: each version is written by the workers of its own positions.
func drafts(h *harness) {
	if h.Draft == nil {
		return
	}
	log := h.fully()
	at := h.apply(h.claim(), log[:40]...)
	live := h.rows()
	second, third := h.draft(2), h.draft(3)
	h.Draft(h.T, 2) // made again, nothing changes
	draft := second.apply(second.claim(), log...)
	third.apply(third.claim(), log[:10]...)
	h.sameRows(h.rows(), live, "while drafts were built")
	if version, err := h.View.Version(h.ctx()); version != 1 || err != nil || at.Version != 1 || draft.Version != 2 {
		h.Fatalf("everybody reads version %d, %v; a worker writes to %d, the draft's to %d", version, err, at.Version, draft.Version)
	}
	want := h.derive(h.View.Derived(), log)
	h.sameRows(second.rows(), want, "the draft")
	if positions, err := second.View.Positions(h.ctx(), events.Topic); err != nil || len(positions) != 1 || positions[0] != draft {
		h.Fatalf("the draft's positions are %+v, %v", positions, err)
	}
	h.stored() // the one that it had
	second.mustRewind(draft, 0)
	if has, err := second.View.HasRows(h.ctx(), h.stream.Partition); has || err != nil {
		h.Fatalf("a draft rewound to zero has rows: %v, %v", has, err)
	}
	h.sameRows(h.rows(), live, "after the draft was rewound")
	h.apply(at, log[40:]...)
	h.sameRows(h.rows(), want, "after all")
	if got := third.rows(); len(got) == 0 || len(got) >= len(want) {
		h.Fatalf("another draft has %d rows", len(got))
	}
	h.holesOfDraft(second)
}

// A hole of the projection is one of its drafts, and the other way round: they are of the same log.
func (h *harness) holesOfDraft(draft *harness) {
	h.Helper()
	at := h.claim()
	if _, err := h.skip(at, at.Next, at.Next+2); err != nil {
		h.Fatal(err)
	}
	at = draft.claim()
	if _, err := draft.skip(at, 0, 1); err != nil {
		h.Fatal(err)
	}
	h.sameHoles(0, 1, 60, 62)
	draft.sameHoles(0, 1, 60, 62)
}

// draft returns a harness of another version in the same store.
func (h *harness) draft(version int) *harness {
	d := *h
	d.View = h.Draft(h.T, version)
	d.version = version
	return &d
}
