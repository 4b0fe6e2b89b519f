package control_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
)

// of returns what a status says of one view.
func (w *world) of(view string) control.ViewStatus {
	w.Helper()
	for _, v := range w.system.Status(w.Context()).Views {
		if v.View == view {
			return v
		}
	}
	w.Fatalf("no view %s", view)
	return control.ViewStatus{}
}

// A version that was replaced takes room until somebody drops it, and so does one that was built and never swapped in.
func TestStatusNamesVersionsThatNobodyReads(t *testing.T) {
	w := made(t)
	w.project()
	w.lead("09121234567")
	w.awaitApplied()
	if next := w.of("leads").Next; next != "" {
		t.Errorf("there is no other version, and NEXT is %q", next)
	}
	built := w.rebuild("leads")
	if next := w.of("leads").Next; !strings.Contains(next, "ops rebuild leads") || !strings.HasSuffix(next, ": ops drop leads") {
		t.Errorf("of a version that was built: %q", next)
	}
	w.swap(built)
	v := w.of("leads")
	if v.State != control.OK || !v.Healthy() || !strings.HasPrefix(v.Next, "version 1 is still there (schema leads_v1, ") || !strings.HasSuffix(v.Next, ": ops drop leads") {
		t.Errorf("of a version that was replaced: %+v", v)
	}
}

// What will never be applied does not stand in NEXT for ever.
func TestALetterOfGarbageCanBeClosed(t *testing.T) {
	w := made(t)
	w.project()
	record := w.poison(3)
	w.awaitApplied()
	if v := w.of("leads"); v.Parked != 1 || !strings.Contains(v.Next, "ops dlq close") {
		t.Fatalf("%+v", v)
	}
	key := fmt.Sprintf("leads/phone-submitted/3/%d", record.Offset)
	if _, err := w.system.CloseLetter(t.Context(), key, "from a scanner"); err != nil {
		t.Fatal(err)
	}
	if v := w.of("leads"); v.Parked != 0 || v.Next != "" {
		t.Errorf("%+v", v)
	}
	if v := w.of("audit"); v.Parked != 1 {
		t.Errorf("another view's letter: %+v", v)
	}
	if _, err := w.system.CloseLetter(t.Context(), key, "again"); !errors.Is(err, control.ErrNoLetter) {
		t.Errorf("closed twice: %v", err)
	}
	if entry := w.ledger()[0]; entry.Verb != "dlq close" || entry.View != "leads" || entry.Reason != "from a scanner" || entry.Outcome != "done" {
		t.Errorf("%+v", entry)
	}
}

// A producer that uses a record key twice, which none may, is what is wrong, and not the view.
func TestVerifySaysThatAKeyWasUsedTwice(t *testing.T) {
	w := made(t)
	w.project()
	phones := phonesLike("09121111111", 2)
	id := uuid.Must(uuid.NewV7())
	again := func(phone string) {
		t.Helper()
		record, err := events.Encode(&events.Event{
			RecordID: id, EventID: id, Claimed: time.Now(), Source: "test", Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/api/submit"},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.append(broker.ToKafka(events.Topic, &record))
	}
	again(phones[0])
	again(phones[1])
	w.lead(phones[1])
	w.awaitApplied()
	report := w.verify(control.Verification{})
	audit := report.Views[1]
	if audit.Missing != 0 || audit.KeysUsedTwice != 1 || len(audit.Differences) != 1 || report.Clean() {
		t.Fatalf("%+v", audit)
	}
	if d := audit.Differences[0]; d.Kind != control.KeyUsedTwice || d.Offset != 0 || d.RecordID != id || d.Columns[0] != fmt.Sprintf("also of %d/1", d.Partition) {
		t.Errorf("%+v", d)
	}
	if len(report.Crossed.Differences) != 0 || report.Views[0].Count() != 0 {
		t.Errorf("%s", shown(report))
	}
	// What is missing all the same is missing.
	w.exec(`delete from audit_v1.requests where id <> $1`, id.String())
	if audit := w.verify(control.Verification{}).Views[1]; audit.Missing != 1 || audit.KeysUsedTwice != 1 {
		t.Errorf("%+v", audit)
	}
}
