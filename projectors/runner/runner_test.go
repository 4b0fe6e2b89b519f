package runner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/ops/telemetry"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

func TestEventsReachTheView(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.lead("09121234567")
	r := p.start()
	p.awaitRows(1)
	p.lead("09121234567") // a duplicate
	p.lead("09121234568")
	p.awaitRows(2)
	p.await("ready", func() bool { status, _ := r.health.Snapshot(); return status == telemetry.Healthy })
}

// Somebody froze before its claim, thaws, and claims after us: our next batch misses. We must claim again, not stop.
func TestInterleaving1_AFencedWorkerClaimsAgain(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	p.leads(1, 3)
	p.awaitRows(1)
	mine := p.position()
	stolen, err := p.view.Claim(t.Context(), mine.Stream)
	if err != nil {
		t.Fatal(err)
	}
	p.leads(1, 3)
	p.awaitRows(2)
	if now := p.position(); now.Generation <= stolen.Generation {
		t.Fatalf("generation %d, want more than the thief's %d", now.Generation, stolen.Generation)
	}
}

// A rewind of a partition without traffic is seen within a second, not at the next event.
func TestInterleaving2_ARewindOfAnIdlePartitionIsSeen(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	p.leads(5, 3)
	p.awaitRows(5)
	if _, removed, err := p.view.Rewind(t.Context(), p.position(), 1, "test"); err != nil || removed != 4 {
		t.Fatalf("removed %d, %v", removed, err)
	}
	started := time.Now()
	p.awaitRows(5)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("seen after %s", took)
	}
}

func TestAPauseHoldsOnePartitionUntilItEnds(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(1, 3)
	p.awaitRows(1)
	p.hold(3, true)
	p.await("held", func() bool { return partOf(r, "leads/3") == telemetry.Degraded })
	p.leads(1, 3)
	p.leads(1, 4)
	p.awaitRows(2)
	p.hold(3, false)
	p.awaitRows(3)
	p.await("running", func() bool { return partOf(r, "leads/3") == "" })
}

// The position table is lost, but the rows are there: stop. Starting anywhere would be a guess, and applying the log again
// would park all of it as constraint errors.
func TestInterleaving9_APositionThatIsGoneStopsThePartition(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(2, 3)
	p.leads(1, 4)
	p.awaitRows(3)
	if _, err := p.pool.Exec(t.Context(), `delete from leadlog.position where partition = 3`); err != nil {
		t.Fatal(err)
	}
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), "position is gone") })
	p.leads(1, 3)
	p.leads(1, 4)
	p.awaitRows(4) // partition 4 goes on
	if letters := p.letters(); len(letters) != 0 {
		t.Fatalf("parked %v", letters)
	}
	if partOf(r, "leads/3") != telemetry.Degraded {
		t.Error("health does not show it")
	}
	// Emptied, the view is built again from the log, without a restart.
	if _, err := p.pool.Exec(t.Context(), `delete from leads_v1.landing_phone where log_partition = 3`); err != nil {
		t.Fatal(err)
	}
	r.stop()
	p.start()
	p.awaitRows(5)
	p.await("the alarm taken back", func() bool { return p.alarm() == "" })
}

func TestPoisonIsParkedOnceAndTheNextRecordApplied(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.leads(1, 3)
	p.produce(&kgo.Record{Topic: events.Topic, Partition: 3, Key: []byte("not a uuid"), Value: []byte("not json")})
	p.leads(1, 3)
	p.start()
	p.awaitRows(2)
	if letters := p.letters(); len(letters) != 1 || letters[0] != "leads/phone-submitted/3/1" {
		t.Fatalf("dead letters %v", letters)
	}
	if at := p.position(); at.Next != 3 {
		t.Fatalf("position %d, want 3", at.Next)
	}
}

func TestMoreThanAHundredDeadLettersAMinuteStop(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	for range 101 {
		p.produce(&kgo.Record{Topic: events.Topic, Partition: 3, Key: []byte("k"), Value: []byte("{}")})
	}
	p.start()
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), "100") })
}

func TestMirrorCarriesTheMarker(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	p.leads(3, 3)
	p.awaitRows(3)
	p.await("the mirror", func() bool { at, _ := p.committed(); return at == 3 })
	if _, metadata := p.committed(); metadata != runner.Marker {
		t.Fatalf("metadata %q", metadata)
	}
}

func TestStopMirrorsAndLeavesTheGroup(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(3, 3)
	p.awaitRows(3)
	started := time.Now()
	r.stop()
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("left after %s", took)
	}
	if at, metadata := p.committed(); at != 3 || metadata != runner.Marker {
		t.Errorf("committed %d with %q", at, metadata)
	}
	second := p.start() // need not wait for a session to time out
	p.leads(1, 3)
	p.awaitRows(4)
	second.stop()
}

// Interleaving 8's halves that the runner keeps: forwards nothing is skipped, backwards it is a rewind, once.
func TestACommitByAPerson(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(5, 3)
	p.awaitRows(5)
	r.stop()
	before := p.position()

	p.commit(1)
	r = p.start()
	p.await("the rewind mirrored", func() bool { at, metadata := p.committed(); return at == 5 && metadata == runner.Marker })
	p.awaitRows(5)
	if !strings.Contains(r.log.String(), "rewound, as an offset committed with a Kafka tool asked for") {
		t.Error("the log does not tell of the rewind")
	}
	r.stop()
	if after := p.position(); after.Generation != before.Generation+2 { // a claim and a rewind; once
		t.Errorf("generation %d after %d", after.Generation, before.Generation)
	}

	p.leads(1, 3)
	p.commit(6) // to the end: offset 5 would be skipped
	r = p.start()
	p.awaitRows(6)
	if !strings.Contains(r.log.String(), "is refused") {
		t.Error("the log does not tell of the refusal")
	}
}

func TestAPositionPastTheLogsEndStops(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(2, 3)
	p.awaitRows(2)
	r.stop()
	if _, err := p.pool.Exec(t.Context(), `update leadlog.position set next_offset = 7 where partition = 3`); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), "the log ends at 2") })
	if at := p.position(); at.Next != 7 {
		t.Fatalf("the position was reset to %d", at.Next)
	}
}

func TestATopicMadeAnewStops(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(2, 3)
	p.awaitRows(2)
	r.stop()
	if _, err := p.pool.Exec(t.Context(), `update leadlog.position set topic_id = gen_random_uuid() where partition = 3`); err != nil {
		t.Fatal(err)
	}
	p.leads(1, 3)
	p.start()
	p.await("an alarm", func() bool { return strings.Contains(p.alarm(), view.ErrOtherTopic.Error()) })
	if p.rows() != 2 {
		t.Fatal("events of another topic were applied")
	}
}

// Kafka knows nothing of positions: a group whose commits have expired goes on from the store.
func TestExpiredCommitsMeanNothing(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	r := p.start()
	p.leads(3, 3)
	p.awaitRows(3)
	r.stop()
	p.deleteGroup()
	p.start()
	p.leads(1, 3)
	p.awaitRows(4)
	if at := p.position(); at.Next != 4 {
		t.Fatalf("position %d", at.Next)
	}
}

func TestTwoProcessesShareThePartitions(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	first := p.start()
	p.leads(3, 3)
	p.awaitRows(3)
	second := p.start()
	p.await("both ready", func() bool { status, _ := second.health.Snapshot(); return status == telemetry.Healthy })
	for partition := range int32(12) {
		p.leads(2, partition)
	}
	p.awaitRows(27)
	first.stop()
	for partition := range int32(12) {
		p.leads(1, partition)
	}
	p.awaitRows(39)
}

func partOf(r *running, name string) telemetry.Status {
	_, parts := r.health.Snapshot()
	return parts[name].Status
}

func (p *pipeline) hold(partition int32, hold bool) {
	p.Helper()
	if _, err := p.pool.Exec(p.Context(), `update leadlog.position set hold = $2 where partition = $1`, partition, hold); err != nil {
		p.Fatal(err)
	}
}

func (p *pipeline) deleteGroup() {
	p.Helper()
	p.await("the group deleted", func() bool {
		_, err := admin(p.client).DeleteGroup(p.Context(), "leadlog-leads")
		return err == nil
	})
}
