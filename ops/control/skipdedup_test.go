package control_test

import (
	"testing"

	"leadlog/ops/control"
)

// dedup folds in place, so a rewind leaves its keys. One whose record is skipped then goes with the skip, and whoever came
// after it opens the window.
func TestASkippedRecordTakesItsKeyOfDedupWithIt(t *testing.T) {
	w := made(t)
	stop := w.project()
	phones := phonesLike("09121111111", 2)
	skipped := w.lead(phones[0])
	w.lead(phones[0])
	w.lead(phones[1])
	w.awaitApplied()
	stop()
	plan, err := w.system.PlanRewind(t.Context(), control.RewindRequest{
		View: "dedup", Target: control.RewindTarget{Kind: control.ToOffset, Number: skipped.Offset},
		Partitions: control.Partitions{Numbers: []int32{skipped.Partition}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Rewind(t.Context(), control.RewindOrder{Plan: plan.ID, Reason: "test"}, nil); err != nil {
		t.Fatal(err)
	}
	over, err := w.system.PlanSkip(t.Context(), control.SkipRequest{View: "dedup", Partition: skipped.Partition, To: skipped.Offset + 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.system.Skip(t.Context(), control.SkipOrder{Plan: over.ID, Reason: "a test record"}); err != nil {
		t.Fatal(err)
	}
	client := w.redis()
	if keys, err := client.Keys(t.Context(), "dedup:*"+phones[0]).Result(); err != nil || len(keys) != 0 {
		t.Errorf("of the skipped record there is still %v, %v", keys, err)
	}
	if keys, err := client.Keys(t.Context(), "dedup:*"+phones[1]).Result(); err != nil || len(keys) != 2 {
		t.Errorf("of another phone there is %v, %v", keys, err)
	}
	w.project()
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{Views: []string{"dedup"}}))
	if value, err := client.Get(t.Context(), "dedup:phone:"+phones[0]).Result(); err != nil || value == "" {
		t.Errorf("whoever came next opened no window: %q, %v", value, err)
	}
}
