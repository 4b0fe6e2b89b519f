package control_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
)

// lagOf returns a view's row of one partition.
func lagOf(rows []control.PartitionLag, group string, partition int32) control.PartitionLag {
	i := slices.IndexFunc(rows, func(r control.PartitionLag) bool { return r.Group == group && r.Partition == partition })
	if i < 0 {
		return control.PartitionLag{}
	}
	return rows[i]
}

func TestLagOfViewsThatNobodyHasBegun(t *testing.T) {
	w := made(t)
	lead := w.lead("09121234567")
	rows, err := w.system.Lag(t.Context())
	if err != nil || len(rows) != 3*events.Partitions {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := lagOf(rows, "leadlog-leads", lead.Partition)
	if r.Committed != control.Unknown || r.Store != control.Unknown || r.Lag != control.Unknown || r.TimeLag >= 0 || r.LogEnd != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLagCountsFromTheStore(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121234567")
	w.awaitApplied()
	stop() // mirrors on leaving
	w.lead("09121234567")
	w.lead("09121234567")
	w.commit("leadlog-leads", lead.Partition, 0)
	rows, err := w.system.Lag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for group, committed := range map[string]int64{"leadlog-leads": 0, "leadlog-audit": 1, "leadlog-dedup": 1} {
		r := lagOf(rows, group, lead.Partition)
		if r.Committed != committed || r.Store != 1 || r.Lag != 2 || r.LogEnd != 3 || r.TimeLag <= 0 || r.TimeLag > opstest.Patience {
			t.Errorf("%s: %+v", group, r)
		}
	}
	idle := lagOf(rows, "leadlog-leads", (lead.Partition+1)%events.Partitions)
	if idle.Lag != 0 || idle.TimeLag != 0 {
		t.Errorf("a partition without traffic: %+v", idle)
	}
}

func TestLagIsTheAgeOfTheOldestThatWaits(t *testing.T) {
	w := made(t)
	lead := w.lead("09121234567")
	old := *lead
	old.Timestamp = time.Now().Add(-time.Hour)
	w.append(&old)
	w.exec(`insert into leadlog.position (projection, topic, partition, topic_id, generation, next_offset, leader_epoch)
		values ('leads', $1, $2, gen_random_uuid(), 1, 1, -1)`, events.Topic, lead.Partition)
	rows, err := w.system.Lag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := lagOf(rows, "leadlog-leads", lead.Partition); r.TimeLag.Round(time.Minute) != time.Hour || r.Lag != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLagWithAStoreDown(t *testing.T) {
	w := made(t)
	lead := w.lead("09121234567")
	cfg := w.cfg
	cfg.URLs.Database = "postgres://leadlog:secret@127.0.0.1:1/leadlog"
	rows, err := w.open(cfg).Lag(t.Context())
	if err == nil || !strings.Contains(err.Error(), "leads") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if r := lagOf(rows, "leadlog-leads", lead.Partition); r.LogEnd != 1 || r.Store != control.Unknown {
		t.Errorf("%+v", r)
	}
}
