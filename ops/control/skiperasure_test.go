package control_test

import (
	"errors"
	"strings"
	"testing"

	"leadlog/events"
	"leadlog/ops/control"
)

// Erasure is never lost: a skip leads up to a tombstone, and not over it.
func TestASkipDoesNotPassOverATombstone(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.lead("09121234567")
	w.erase(lead)
	w.lead("09121234567")
	request := control.SkipRequest{View: "leads", Partition: lead.Partition, To: 4}
	_, err := w.system.PlanSkip(t.Context(), request)
	if !errors.Is(err, control.ErrErasure) || !strings.Contains(err.Error(), "--to-offset 2") {
		t.Errorf("over a tombstone: %v", err)
	}
	w.skip(lead.Partition, 2)
	_, err = w.system.PlanSkip(t.Context(), request)
	if !errors.Is(err, control.ErrErasure) || !strings.Contains(err.Error(), "ops resume leads") {
		t.Errorf("standing at one: %v", err)
	}
	w.project()
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{Views: []string{"leads"}}))
}

// A hole from before that rule may have a tombstone in it. What that erases is extra, and goes when the view comes by again.
func TestATombstoneInAHoleErasesAllTheSame(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.erase(lead)
	for _, view := range []string{"leads", "audit"} {
		w.exec(`insert into leadlog.hole (projection, topic, partition, from_offset, to_offset, cause, reason)
			values ($1, $2, $3, 1, 2, 'test', 'test')`, view, events.Topic, lead.Partition)
		w.exec(`update leadlog.position set next_offset = 2 where projection = $1 and partition = $2`, view, lead.Partition)
	}
	w.expectDifferences(w.verify(control.Verification{Views: []string{"leads"}}),
		says("leads", control.RowExtra, lead, "09121234567"))
	w.project()
	w.lead("09121234568")
	w.awaitApplied() // somebody is there to fill them again
	for _, view := range []string{"leads", "audit"} {
		plan, err := w.system.PlanRewind(t.Context(), control.RewindRequest{View: view, Target: control.RewindTarget{Kind: control.ToEarliest}})
		if err != nil {
			t.Fatal(err)
		}
		w.rewind(plan)
	}
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{Views: []string{"leads", "audit"}}))
}
