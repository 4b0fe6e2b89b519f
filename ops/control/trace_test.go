package control_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/ops/control"
)

// trace asks for an id or a phone.
func (w *world) trace(what string) control.Trace {
	w.Helper()
	q := control.Query{Phone: what}
	if id, err := uuid.Parse(what); err == nil {
		q = control.Query{ID: id}
	}
	trace, err := w.system.Trace(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	return trace
}

// only traces what must be one record.
func (w *world) only(what string) *control.Record {
	w.Helper()
	trace := w.trace(what)
	if len(trace.Records) != 1 {
		w.Fatalf("%d records, want 1: %+v", len(trace.Records), trace)
	}
	return &trace.Records[0]
}

// expect compares what each view has.
func (w *world) expect(r *control.Record, want map[string]control.Has) {
	w.Helper()
	if len(r.Views) != len(want) {
		w.Errorf("%d views, want %d: %+v", len(r.Views), len(want), r.Views)
	}
	for _, h := range r.Views {
		if h.Has != want[h.View] {
			w.Errorf("%s has it as %q (%s), want %q", h.View, h.Has, h.Detail, want[h.View])
		}
	}
}

func all(has control.Has) map[string]control.Has {
	return map[string]control.Has{"leads": has, "audit": has, "dedup": has}
}

func TestTraceFindsAFreshLeadEverywhere(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	for _, what := range []string{string(lead.Key), "09121234567"} {
		r := w.only(what)
		w.expect(r, all(control.HasFound))
		if r.Partition != lead.Partition || r.Offset != lead.Offset || r.RecordID.String() != string(lead.Key) ||
			r.Verdict != control.Opener || r.Log != control.InLog || r.Phone != "09121234567" || !r.Well() {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

func TestTraceBeforeAnythingIsApplied(t *testing.T) {
	w := made(t)
	w.lead("09121111111")
	lead := w.lead("09121234567", uuid.MustParse("f81d4fae-7dec-8d0a-a765-00a0c91e6bf6"))
	for _, what := range []string{string(lead.Key), "f81d4fae-7dec-8d0a-a765-00a0c91e6bf6", "09121234567"} {
		r := w.only(what)
		w.expect(r, all(control.HasPending))
		if string(lead.Key) != r.RecordID.String() || r.Verdict != "" || r.Well() {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

func TestTraceOfADuplicateAndOfItsReceipt(t *testing.T) {
	w := made(t)
	w.project()
	receipt := uuid.MustParse("f81d4fae-7dec-8d0a-a765-00a0c91e6bf6")
	w.lead("09121234567", receipt)
	again := w.lead("09121234567", receipt) // a retry that was appended twice
	w.awaitApplied()
	trace := w.trace(receipt.String())
	if len(trace.Records) != 2 {
		t.Fatalf("%+v", trace)
	}
	w.expect(&trace.Records[0], all(control.HasFound))
	w.expect(&trace.Records[1], map[string]control.Has{
		"leads": control.HasDuplicate, "audit": control.HasFound, "dedup": control.HasDuplicate,
	})
	r := w.only(string(again.Key))
	if r.Verdict != control.Duplicate || !r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceShowsTheNewestOfAPhoneEvenIfNoViewHasIt(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.lead("09121234567")
	trace := w.trace("09121234567")
	if len(trace.Records) != 2 {
		t.Fatalf("%+v", trace)
	}
	w.expect(&trace.Records[1], all(control.HasPending))
	limited, err := w.system.Trace(t.Context(), control.Query{Phone: "09121234567", Limit: 1})
	if err != nil || len(limited.Records) != 1 || !limited.More || limited.Records[0].Offset != trace.Records[1].Offset {
		t.Errorf("with a limit: %+v, %v", limited, err)
	}
}

func TestTraceOfAnErasedRecord(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.lead("09121234567")
	w.erase(lead)
	w.awaitApplied()
	r := w.only(string(lead.Key))
	w.expect(r, all(control.HasErased))
	if r.Log != control.Erased || r.Tombstone != lead.Offset+2 || !r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceOfARecordThatCompactionTookAway(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.erase(lead)
	w.awaitApplied()
	// kfake, like a broker, compacts all but the active segment: nothing does here, so the log begins behind the record.
	if err := w.fake.DeleteRecords(events.Topic, lead.Partition, lead.Offset+1); err != nil {
		t.Fatal(err)
	}
	r := w.only(string(lead.Key))
	w.expect(r, all(control.HasErased))
	if r.Log != control.Erased || !r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceOfAParkedRecord(t *testing.T) {
	w := made(t)
	w.project()
	bad := w.poison(3)
	w.awaitApplied()
	r := w.only(string(bad.Key))
	w.expect(r, all(control.HasParked))
	if r.Poison == "" || r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceNamesWhatIsMissing(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	w.exec(`delete from leads_v1.landing_phone`)
	r := w.only(string(lead.Key))
	w.expect(r, map[string]control.Has{"leads": control.HasMissing, "audit": control.HasFound, "dedup": control.HasFound})
	if r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceOfARecordThatTheLogDoesNotHave(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	w.exec(`update leads_v1.landing_phone set log_offset = 7`)
	w.exec(`delete from audit_v1.requests`)
	r := w.only(string(lead.Key))
	if r.Log != control.Lost || r.Offset != 7 || r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceOfAnOldWindow(t *testing.T) {
	w := made(t)
	lead := w.lead("09121234567")
	old := *lead
	old.Key = []byte(uuid.Must(uuid.NewV7()).String())
	old.Timestamp = lead.Timestamp.Add(-30 * 60 * 60 * 1e9)
	old.Headers = append([]kgo.RecordHeader(nil), lead.Headers...)
	w.append(&old)
	w.project()
	w.awaitApplied()
	r := w.only(string(old.Key))
	w.expect(r, map[string]control.Has{"leads": control.HasFound, "audit": control.HasFound, "dedup": control.HasExpired})
	if !r.Well() {
		t.Errorf("%+v", r)
	}
}

func TestTraceOfNobody(t *testing.T) {
	w := made(t)
	w.lead("09121234567")
	for _, what := range []string{uuid.Must(uuid.NewV7()).String(), "09129999999", uuid.NewString()} {
		if trace := w.trace(what); len(trace.Records) != 0 || trace.From.IsZero() {
			t.Errorf("%s: %+v", what, trace)
		}
	}
}

func TestTraceWithAStoreDown(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	stop()
	cfg := w.cfg
	cfg.URLs.Redis = "redis://127.0.0.1:1/0"
	trace, err := w.open(cfg).Trace(t.Context(), control.Query{ID: uuid.MustParse(string(lead.Key))})
	if err != nil || len(trace.Records) != 1 {
		t.Fatalf("%+v, %v", trace, err)
	}
	w.expect(&trace.Records[0], map[string]control.Has{
		"leads": control.HasFound, "audit": control.HasFound, "dedup": control.HasUnreachable,
	})
}
