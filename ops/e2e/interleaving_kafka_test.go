package e2e

import (
	"fmt"
	"strings"
	"testing"

	"leadlog/events"
)

// A person with Apache's own tool, on a stopped group: forwards nothing is skipped, and status says which command was meant;
// backwards it is a rewind, once, and it stands in the ledger.
func TestInterleaving8_OffsetsResetWithApachesTool(t *testing.T) {
	need(t, "KAFKA_CLASSPATH")
	w := newOperated(t)
	running := w.projectors()
	records := w.fill(60)
	running.end(t)

	for i := range 24 {
		w.lead(fmt.Sprintf("0935000%04d", i))
	}
	w.resetOffsets("--to-latest", "--topic", events.Topic)
	running = w.projectors()
	w.await("what lies before the committed offsets is applied all the same", w.caughtUp)
	if n := w.count(`select count(*) from landing_phone`); n != 84 {
		t.Errorf("%d leads, want 84: offsets were skipped", n)
	}
	if status := w.ops(3, "status"); !strings.Contains(status, "ops skip leads --topic "+events.Topic+":") {
		t.Errorf("status does not say which command was meant:\n%s", status)
	}
	running.end(t)

	for _, reset := range [][]string{
		{"--to-earliest", "--topic", events.Topic},
		{"--to-offset", "1", "--topic", fmt.Sprintf("%s:%d", events.Topic, records[0].Partition)},
	} {
		before := w.ledgerOfTools()
		w.resetOffsets(reset...)
		running = w.projectors()
		w.await("the reset is in the ledger", func() bool { return w.ledgerOfTools() > before })
		w.await("all is applied again", w.caughtUp)
		entries := w.ledgerOfTools()
		running.end(t)
		running = w.projectors() // and not rewound once more
		w.fill(3 + len(reset))
		if again := w.ledgerOfTools(); again != entries {
			t.Errorf("%v: %d entries after a restart, and %d before", reset, again, entries)
		}
		running.end(t)
	}
	w.ops(0, "verify")
}

// ledgerOfTools counts the rewinds that were made with a Kafka tool.
func (w *operated) ledgerOfTools() (n int) {
	w.Helper()
	for line := range strings.SplitSeq(w.ops(0, "ledger", "--limit", "500", "-o", "json"), "\n") {
		if strings.Contains(line, `"source":"kafka tool"`) && strings.Contains(line, `"verb":"rewind"`) && strings.Contains(line, `"outcome":"done"`) {
			n++
		}
	}
	return n
}
