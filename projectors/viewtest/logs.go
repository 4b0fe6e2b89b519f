package viewtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

// base is where a case's time begins: two days ago, so that the windows of a log of two days are over, open, and in between.
func (h *harness) base() time.Time {
	return time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Millisecond)
}

func (h *harness) event(offset int64, phone string, t time.Time) events.Event {
	e := events.Event{
		RecordID: recordID(h.stream.Partition, offset), Partition: h.stream.Partition, Offset: offset, Epoch: 1, Time: t,
		Submission: events.Submission{Phone: phone, IP: "192.0.2.7", UserAgent: "test", Path: "/api/submit"},
	}
	e.EventID = e.RecordID
	if offset%2 == 1 { // the client sent an Idempotency-Key
		e.EventID, _ = events.ReceiptOf("0123456789abcdef"+fmt.Sprint(offset), phone)
	}
	return e
}

func (h *harness) forget(offset int64, e events.Event) events.Event {
	return events.Event{RecordID: e.RecordID, Partition: h.stream.Partition, Offset: offset, Epoch: 1, Time: e.Time, Tombstone: true}
}

// log returns n events of a few phones within two days, some of them in each other's windows. It is the same at every call.
func (h *harness) log(n int) []events.Event {
	random := rand.New(rand.NewPCG(7, uint64(n))) //nolint:gosec // a test's log
	t := h.base()
	log := make([]events.Event, n)
	for i := range log {
		t = t.Add(time.Duration(random.Int64N(int64(96*time.Hour) / int64(n)))).Truncate(time.Millisecond)
		log[i] = h.event(int64(i), fmt.Sprintf("0912000%04d", random.IntN(max(n/4, 2))), t)
	}
	return log
}

// oneEach returns events of distinct phones within the last minutes: each opens a window that is still open.
func (h *harness) oneEach(n int) []events.Event {
	t := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Millisecond)
	log := make([]events.Event, n)
	for i := range log {
		log[i] = h.event(int64(i), fmt.Sprintf("0913000%04d", i), t.Add(time.Duration(i)*time.Second))
	}
	return log
}

func shift(e events.Event, offset int64) events.Event {
	e.Offset = offset
	return e
}

// recordID is a UUIDv7 in shape, and the same for the same place in the log.
func recordID(partition int32, offset int64) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("0191d5a0-0000-7000-8%03x-%012x", partition, offset))
}

func without(rows []view.Row, ids ...uuid.UUID) []view.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r view.Row) bool { return slices.Contains(ids, r.RecordID) })
}

// mustRewind rewinds a position that must be taken.
func (h *harness) mustRewind(at view.Position, to int64) view.Position {
	h.Helper()
	moved, _, err := h.View.Rewind(h.ctx(), at, to, "test")
	if err != nil {
		h.Fatalf("rewind to %d: %v", to, err)
	}
	return moved
}

// sameAsFresh compares the rows with those of a fold from zero, event by event.
func (h *harness) sameAsFresh(log []events.Event) {
	h.Helper()
	want := h.rows()
	h.mustRewind(h.claim(), 0)
	for at := h.claim(); len(log) > 0; log = log[1:] {
		at = h.apply(at, log[0])
	}
	h.sameRows(h.rows(), want, "folded from zero")
}

func anySplit(h *harness) {
	log := h.withTombstones(h.log(60))
	at := h.apply(h.claim(), log...)
	want := h.rows()
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's cuts
		h.mustRewind(at, 0)
		at = h.claim()
		for rest := log; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1+int(math.Pow(4, float64(seed%4)))))
			at = h.apply(at, rest[:n]...)
			rest = rest[n:]
		}
		h.sameRows(h.rows(), want, fmt.Sprintf("cut with seed %d", seed))
	}
}

// withTombstones erases one phone of a log in its middle, and one at its end, as `ops erase` does: every event of the phone.
func (h *harness) withTombstones(log []events.Event) []events.Event {
	half := len(log) / 2
	var out []events.Event
	erase := func(phone string, from []events.Event) {
		for _, e := range from {
			if e.Phone == phone && !e.Tombstone {
				out = append(out, h.forget(0, e))
			}
		}
	}
	out = append(out, log[:half]...)
	erase(log[0].Phone, log[:half])
	out = append(out, log[half:]...)
	erase(log[1].Phone, log)
	for i := range out {
		out[i].Offset = int64(i)
	}
	return out
}

func rebuilt(h *harness) {
	log := h.log(100)
	at := h.claim()
	for i := 0; i < len(log); i += 7 {
		at = h.apply(at, log[i:min(i+7, len(log))]...)
	}
	want := h.rows()
	h.checkOpeners(log, want)
	h.mustRewind(at, 0)
	h.apply(h.claim(), log...)
	h.sameRows(h.rows(), want, "rebuilt")
}

// checkOpeners holds rows against a fold that is written anew here, as slow and plain as the rule's own words.
func (h *harness) checkOpeners(log []events.Event, rows []view.Row) {
	h.Helper()
	openers := make(map[uuid.UUID]bool)
	last := make(map[string]time.Time)
	for _, e := range log {
		if o, ok := last[e.Phone]; ok && e.Time.Sub(o).Abs() < 24*time.Hour {
			continue
		}
		last[e.Phone] = e.Time
		openers[e.RecordID] = true
	}
	switch h.View.Name() {
	case "leads":
		if len(rows) != len(openers) {
			h.Fatalf("%d leads, want %d", len(rows), len(openers))
		}
		for _, r := range rows {
			if !openers[r.RecordID] {
				h.Fatalf("%s is a lead, and opens no window", r.RecordID)
			}
		}
	case "audit":
		if len(rows) != len(log) {
			h.Fatalf("%d documents, want %d", len(rows), len(log))
		}
		for _, r := range rows {
			said := fmt.Sprintf("\nduplicate=%v\n", !openers[r.RecordID])
			if r.Opener != openers[r.RecordID] || !strings.Contains(r.Text, said) {
				h.Fatalf("%s: opener is %v, and the row %v with the document %s", r.RecordID, openers[r.RecordID], r.Opener, r.Text)
			}
		}
	case "dedup":
		for _, r := range rows {
			if !openers[r.RecordID] {
				h.Fatalf("%s is in the dedup view, and opens no window", r.RecordID)
			}
		}
	}
}

// T goes backwards when a broker with another clock becomes leader. The rule is about the last opener in the log's order,
// not the latest one in time.
func clockBackwards(h *harness) {
	base := h.base()
	const phone = "09120000001"
	log := []events.Event{
		h.event(0, phone, base),
		h.event(1, phone, base.Add(30*time.Hour)),  // opens
		h.event(2, phone, base.Add(time.Hour)),     // 29 h before the last opener: opens
		h.event(3, phone, base.Add(31*time.Hour)),  // 30 h after it: opens
		h.event(4, phone, base.Add(8*time.Hour)),   // 23 h before: a duplicate
		h.event(5, phone, base.Add(-20*time.Hour)), // opens
		h.event(6, phone, base.Add(time.Hour)),     // 21 h after: a duplicate
	}
	at := h.claim()
	for _, e := range log {
		at = h.apply(at, e)
	}
	h.checkOpeners(log, h.rows())
	if h.View.Name() == "leads" && len(h.rows()) != 5 {
		h.Fatalf("%d leads, want 5", len(h.rows()))
	}
}

func extremes(h *harness) {
	log := h.extremes()
	for _, e := range log {
		encoded := e
		encoded.Source, encoded.Claimed = "test", h.base()
		if _, err := events.Encode(&encoded); err != nil {
			h.Fatalf("not an event at all: %v", err)
		}
	}
	h.apply(h.claim(), log...)
	if got := h.rows(); !h.InPlace && len(got) != len(log) {
		h.Fatalf("%d rows, want %d", len(got), len(log))
	}
}

// extremes returns the longest event, the barest, and those of the first and the last time.
func (h *harness) extremes() []events.Event {
	long := strings.Repeat("𝕏", events.MaxURL)
	utm := strings.Repeat("\u2028", events.MaxUTM)
	full := h.event(0, "+989121234567", h.base())
	full.Submission = events.Submission{
		Phone: "+989121234567", IP: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", UserAgent: strings.Repeat("\x01\"\\\x7f", events.MaxUserAgent/4),
		Path: long, Referrer: long, Page: long, Variant: strings.Repeat("ی", events.MaxVariant), Device: "mobile",
		Campaign: events.Campaign{Source: utm, Medium: utm, Name: utm, Term: utm, Content: "\ufffd\U0010ffff$where.{}"},
		Consent:  strings.Repeat("ß", events.MaxConsent), Suspect: true, PhoneRegion: "IR",
	}
	bare := h.event(1, "+29022158", time.UnixMilli(0).UTC())
	bare.UserAgent, bare.Path, bare.PhoneRegion = "", "", "SH"
	future := h.event(2, "0123456789", time.Date(9998, 12, 31, 23, 59, 59, 999e6, time.UTC))
	return []events.Event{full, bare, future}
}
