package control_test

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/ops/control"
	"leadlog/projectors/mongostore/mongotest"
)

// copied is a copy of a lead's row, put where the log has nothing.
func (w *world) copied(of *kgo.Record, partition int32, offset int64) *kgo.Record {
	w.Helper()
	copied := kgo.Record{Key: []byte(uuid.NewString()), Partition: partition, Offset: offset}
	w.exec(`insert into leads_v1.landing_phone (id, phone, created_at, record_id, event_id, log_partition, log_offset)
		select 1, phone, created_at, $2, $2, $3, $4 from leads_v1.landing_phone where record_id = $1`,
		string(of.Key), string(copied.Key), partition, offset)
	return &copied
}

// A view is a function of the log: rows past its positions, and of partitions that the log does not have, are nobody's.
func TestVerifyNamesRowsWhereTheLogHasNothing(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121111111")
	w.awaitApplied()
	at := w.copied(lead, lead.Partition, lead.Offset+1)
	past := w.copied(lead, lead.Partition, 1<<40)
	below, above := w.copied(lead, -1, 0), w.copied(lead, 12, 7)
	report := w.verify(control.Verification{Views: []string{"leads"}})
	w.expectDifferences(report,
		says("leads", control.RowExtra, at, "09121111111"),
		says("leads", control.RowExtra, past, "09121111111"),
		says("leads", control.RowExtra, below, "09121111111"),
		says("leads", control.RowExtra, above, "09121111111"),
	)
	if report.Views[0].Beyond != 4 {
		t.Errorf("%d are beyond the reach of a rewind", report.Views[0].Beyond)
	}
	only := control.Partitions{Numbers: []int32{lead.Partition}}
	if report := w.verify(control.Verification{Views: []string{"leads"}, Partitions: only}); report.Views[0].Extra != 2 {
		t.Errorf("of one partition: %s", shown(report))
	}
}

// A position that a hand has set back leaves rows that the view has not come to.
func TestVerifyNamesRowsAfterAPositionThatWasSetBack(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121111111")
	w.awaitApplied()
	stop()
	w.exec(`update leadlog.position set next_offset = 0 where projection = 'leads'`)
	w.expectDifferences(w.verify(control.Verification{Views: []string{"leads"}}), says("leads", control.RowExtra, lead, "09121111111"))
}

func TestVerifyNamesDocumentsWhereTheLogHasNothing(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121111111")
	w.awaitApplied()
	var want []string
	for _, at := range []struct {
		partition int32
		offset    int64
	}{{lead.Partition, lead.Offset + 1}, {12, 0}, {-3, 5}} {
		extra := kgo.Record{Key: []byte(uuid.NewString()), Partition: at.partition, Offset: at.offset}
		w.exec(`insert into audit_v1.requests (id, ts, log_partition, log_offset, phone, duplicate, doc)
			select $2::uuid, ts, $3::int, $4::bigint, phone, duplicate,
				doc || jsonb_build_object('_id', $2::text, 'log_partition', $3::int, 'log_offset', $4::bigint)
			from audit_v1.requests where id = $1`, string(lead.Key), string(extra.Key), at.partition, at.offset)
		want = append(want, says("audit", control.RowExtra, &extra, "09121111111"))
	}
	w.expectDifferences(w.verify(control.Verification{Views: []string{"audit"}}), want...)
}

// A document of another shape is one that somebody else has written. It is named, and ends nothing.
func TestVerifyNamesADocumentOfAnotherShape(t *testing.T) {
	w := made(t)
	w.project()
	lead := w.lead("09121111111")
	w.awaitApplied()
	w.exec(`update audit_v1.requests set doc = jsonb_set(doc, '{ip}', '{"v4": "192.0.2.1"}')`)
	report := w.verify(control.Verification{Views: []string{"audit"}})
	if v := report.Views[0]; v.Err != nil || v.Different != 1 || v.Differences[0].Offset != lead.Offset {
		t.Errorf("%s", shown(report))
	}
}

// In MongoDB documents come before the position: of those past it the log tells which are nobody's.
func TestVerifyTellsEarlyDocumentsFromStrangers(t *testing.T) {
	db := mongotest.New(t)
	uri, err := url.Parse(os.Getenv("MONGODB_URI"))
	if err != nil {
		t.Fatal(err)
	}
	uri.Path = "/" + db.Name()
	w := made(t, uri.String())
	stop := w.project()
	w.lead("09351111111")
	early := w.lead("09351111111")
	w.awaitApplied()
	stop()
	// As a worker leaves it that was killed between its effect and the position.
	if _, err := db.Collection("positions").UpdateOne(t.Context(),
		bson.M{"projection": "audit", "partition": early.Partition}, bson.M{"$set": bson.M{"next_offset": early.Offset}}); err != nil {
		t.Fatal(err)
	}
	w.expectClean(w.verify(control.Verification{Views: []string{"audit"}}))
	var want []string
	for _, at := range []struct {
		partition int32
		offset    int64
	}{{early.Partition, early.Offset}, {early.Partition, early.Offset + 1}, {12, 0}} {
		extra := kgo.Record{Key: []byte(uuid.NewString()), Partition: at.partition, Offset: at.offset}
		if _, err := db.Collection("requests").InsertOne(t.Context(), bson.M{
			"_id": string(extra.Key), "phone": "09353333333", "ts": time.Now(), "duplicate": true,
			"log_partition": at.partition, "log_offset": at.offset,
		}); err != nil {
			t.Fatal(err)
		}
		want = append(want, says("audit", control.RowExtra, &extra, "09353333333"))
	}
	w.expectDifferences(w.verify(control.Verification{Views: []string{"audit"}}), want...)
	if _, err := db.Collection("requests").InsertOne(t.Context(), bson.M{"note": "from a shell"}); err != nil {
		t.Fatal(err)
	}
	if report := w.verify(control.Verification{Views: []string{"audit"}}); report.Views[0].Extra != 4 {
		t.Errorf("a document without any of ours: %s", shown(report))
	}
}
