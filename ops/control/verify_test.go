package control_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
)

// verify compares views with the log.
func (w *world) verify(what control.Verification) control.Report {
	w.Helper()
	report, err := w.system.Verify(w.Context(), what)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

// expectClean fails unless everything is as the log says.
func (w *world) expectClean(report control.Report) {
	w.Helper()
	if !report.Clean() {
		w.Errorf("not clean: %s", shown(report))
	}
}

// shown is all that a report says is wrong, a line each.
func shown(report control.Report) string {
	var lines []string
	for _, v := range report.Views {
		if v.Err != nil {
			lines = append(lines, v.View+": "+v.Err.Error())
		}
		for _, d := range v.Differences {
			lines = append(lines, said(d))
		}
	}
	for _, d := range report.Crossed.Differences {
		lines = append(lines, said(d))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func said(d control.Difference) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %d/%d %s %s %s", d.View, d.Kind, d.Partition, d.Offset, d.RecordID, d.Phone, strings.Join(d.Columns, ",")))
}

// says is a difference as said shows it.
func says(view string, kind control.DifferenceKind, r *kgo.Record, phone string, columns ...string) string {
	return said(control.Difference{
		View: view, Kind: kind, Partition: r.Partition, Offset: r.Offset, RecordID: uuid.MustParse(string(r.Key)), Phone: phone, Columns: columns,
	})
}

// expectDifferences compares all that a report names.
func (w *world) expectDifferences(report control.Report, want ...string) {
	w.Helper()
	slices.Sort(want)
	if got := shown(report); got != strings.Join(want, "\n") {
		w.Errorf("got\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for _, v := range report.Views {
		if v.Count() != int64(len(v.Differences)) {
			w.Errorf("%s: %d are counted, %d named", v.View, v.Count(), len(v.Differences))
		}
	}
}

// leadAt appends a submission that the broker stamps with a time.
func (w *world) leadAt(phone string, t time.Time) {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: time.Now(), Source: "test",
		Submission: events.Submission{Phone: phone, IP: "192.0.2.1", Path: "/api/submit"},
	})
	if err != nil {
		w.Fatal(err)
	}
	r := broker.ToKafka(events.Topic, &record)
	r.Timestamp = t
	w.append(r)
}

func (w *world) redis() *redis.Client {
	w.Helper()
	options, err := redis.ParseURL(w.cfg.URLs.Redis)
	if err != nil {
		w.Fatal(err)
	}
	client := redis.NewClient(options)
	w.Cleanup(func() { _ = client.Close() })
	return client
}

// traffic appends what a log may hold: leads, duplicates on both sides of a window's end, poison, and what was erased.
func (w *world) traffic() {
	w.Helper()
	day := time.Now().Add(-3 * 24 * time.Hour).Truncate(time.Millisecond)
	for i := range 30 {
		phone := fmt.Sprintf("0912%07d", i)
		w.leadAt(phone, day)
		w.leadAt(phone, day.Add(24*time.Hour-time.Millisecond)) // a duplicate
		w.leadAt(phone, day.Add(24*time.Hour))                  // not any more
		w.leadAt(phone, day.Add(70*time.Hour))
	}
	for partition := range int32(events.Partitions) {
		w.poison(partition)
	}
	w.erase(w.lead("09128888888"))
	first, again := w.lead("09129999999"), w.lead("09129999999")
	w.erase(first)
	w.erase(again)
	w.lead("09129999999") // after its erasure it is new
	w.lead("09129999999")
}

func TestVerifyIsCleanAfterTrafficOfEveryKind(t *testing.T) {
	w := made(t)
	w.project()
	w.traffic()
	w.awaitApplied()
	report := w.verify(control.Verification{})
	w.expectClean(report)
	if len(report.Views) != 3 || !report.Crossed.Done {
		t.Fatalf("%+v", report)
	}
	for _, v := range report.Views {
		want := map[string][2]int64{"leads": {140, 91}, "audit": {140, 122}, "dedup": {140, 31}}[v.View]
		if v.Events != want[0] || v.Rows != want[1] || v.Partitions != events.Partitions {
			t.Errorf("%s: %d events, %d rows, %d partitions, want %v", v.View, v.Events, v.Rows, v.Partitions, want)
		}
	}
}

func TestVerifyNamesWhatSomebodyDidToLeads(t *testing.T) {
	w := made(t)
	w.project()
	gone, other, moved := w.lead("09121111111"), w.lead("09122222222"), w.lead("09123333333")
	again, fine := w.lead("09121111111"), w.lead("09124444444")
	w.awaitApplied()
	w.exec(`delete from leads_v1.landing_phone where record_id = $1`, string(gone.Key))
	w.exec(`update leads_v1.landing_phone set phone = '09120000000' where record_id = $1`, string(other.Key))
	w.exec(`update leads_v1.landing_phone set created_at = created_at + interval '1 ms', variant = 'b' where record_id = $1`, string(moved.Key))
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		select 1, phone, created_at, $2, $2, log_partition, $3 from leads_v1.landing_phone where record_id = $1`,
		string(fine.Key), string(again.Key), again.Offset+1000)
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		select 1, phone, created_at, $2, $2, $3, $4 from leads_v1.landing_phone where record_id = $1`,
		string(fine.Key), string(again.Key), again.Partition, again.Offset)
	beyond := *again
	beyond.Partition, beyond.Offset = fine.Partition, again.Offset+1000
	w.expectDifferences(w.verify(control.Verification{}),
		says("leads", control.RowExtra, &beyond, "09124444444"),
		says("leads", control.RowMissing, gone, "09121111111"),
		says("leads", control.RowDifferent, other, "09122222222", "phone"),
		says("leads", control.RowDifferent, moved, "09123333333", "created_at", "variant"),
		says("leads", control.RowExtra, again, "09124444444"),
		says("audit", control.OnlyInAudit, gone, "09121111111"),
		says("leads", control.OnlyInLeads, again, "09124444444"),
	)
}

func TestVerifyNamesWhatSomebodyDidToAudit(t *testing.T) {
	w := made(t)
	w.project()
	gone, flipped, foreign := w.lead("09121111111"), w.lead("09122222222"), w.lead("09123333333")
	w.awaitApplied()
	w.exec(`delete from audit_v1.requests where id = $1`, string(gone.Key))
	w.exec(`update audit_v1.requests set duplicate = true, doc = jsonb_set(doc, '{duplicate}', 'true') where id = $1`, string(flipped.Key))
	w.exec(`update audit_v1.requests set phone = '09120000000' where id = $1`, string(foreign.Key)) // beside the document
	w.expectDifferences(w.verify(control.Verification{}),
		says("audit", control.RowMissing, gone, "09121111111"),
		says("audit", control.RowDifferent, flipped, "09122222222", "duplicate"),
		says("audit", control.RowDifferent, foreign, "09123333333", "columns"),
		says("leads", control.OnlyInLeads, gone, "09121111111"),
		says("leads", control.OnlyInLeads, flipped, "09122222222"),
	)
}

func TestVerifyNamesWhatSomebodyDidToDedup(t *testing.T) {
	w := made(t)
	w.project()
	gone, claimed, changed := w.lead("09121111111"), w.lead("09122222222"), w.lead("09123333333")
	w.lead("09124444444")
	w.awaitApplied()
	client, stranger := w.redis(), "o|"+string(gone.Key)+"|"+fmt.Sprint(time.Now().UnixMilli())
	for phone, value := range map[string]string{"09122222222": "c|" + string(claimed.Key), "09123333333": stranger, "09125555555": stranger, "09126666666": "c|1"} {
		if err := client.Set(t.Context(), "dedup:phone:"+phone, value, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Del(t.Context(), "dedup:phone:09121111111").Err(); err != nil {
		t.Fatal(err)
	}
	w.expectDifferences(w.verify(control.Verification{Views: []string{"dedup"}}),
		says("dedup", control.RowMissing, gone, "09121111111"),
		says("dedup", control.RowMissing, claimed, "09122222222"),
		says("dedup", control.RowDifferent, changed, "09123333333", "value"),
		said(control.Difference{View: "dedup", Kind: control.RowExtra, Partition: events.PartitionOf("09125555555"), Offset: control.Unknown, Phone: "09125555555"}),
	)
}

// A hole is as if its records had never been: what a view has of them is extra, and who came before is not covered by them.
func TestVerifyKnowsHoles(t *testing.T) {
	w := made(t)
	stop := w.project()
	skipped, after := w.lead("09121234567"), w.lead("09121234567")
	w.awaitApplied()
	stop()
	w.exec(`insert into leadlog.hole (projection, topic, partition, from_offset, to_offset, cause, reason)
		values ('leads', $1, $2, $3, $4, 'test', 'test')`, events.Topic, skipped.Partition, skipped.Offset, skipped.Offset+1)
	w.expectDifferences(w.verify(control.Verification{}),
		says("leads", control.RowExtra, skipped, "09121234567"),
		says("leads", control.RowMissing, after, "09121234567"),
	)
	w.exec(`delete from leads_v1.landing_phone`) // audit, which has no hole, has an opener there: rightly
	w.expectDifferences(w.verify(control.Verification{}), says("leads", control.RowMissing, after, "09121234567"))
}

func TestVerifyNamesSomeAndCountsAll(t *testing.T) {
	w := made(t)
	w.project()
	for i := range 20 {
		w.lead(fmt.Sprintf("0912%07d", i))
	}
	w.awaitApplied()
	w.exec(`delete from leads_v1.landing_phone`)
	report := w.verify(control.Verification{Views: []string{"leads"}, Limit: 5})
	if v := report.Views[0]; v.Missing != 20 || len(v.Differences) != 5 {
		t.Errorf("%d missing, %d named", v.Missing, len(v.Differences))
	}
	for partition, lowest := range report.Views[0].Lowest {
		if lowest != 0 {
			t.Errorf("partition %d: the first difference is said to be at %d", partition, lowest)
		}
	}
}

func TestVerifyOfSomePartitions(t *testing.T) {
	w := made(t)
	w.project()
	here, there := w.lead("09121111111"), w.lead("09122222222")
	w.awaitApplied()
	if here.Partition == there.Partition {
		t.Fatal("the phones share a partition")
	}
	w.exec(`delete from leads_v1.landing_phone`)
	w.expectDifferences(w.verify(control.Verification{Views: []string{"leads"}, Partitions: control.Partitions{Numbers: []int32{here.Partition}}}),
		says("leads", control.RowMissing, here, "09121111111"))
}

func TestVerifyWithoutAPositionSaysSo(t *testing.T) {
	w := made(t)
	w.lead("09121234567")
	report := w.verify(control.Verification{})
	for _, v := range report.Views {
		if !errors.Is(v.Err, control.ErrNoPosition) {
			t.Errorf("%s: %v", v.View, v.Err)
		}
	}
	if report.Clean() || report.Err() == nil {
		t.Error("a view that nobody has filled is called clean")
	}
}
