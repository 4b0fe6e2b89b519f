package control_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/projectors/mongostore/mongotest"
)

// at returns a Progress that does something once, when a stage begins.
func at(stage control.Stage, do func()) func(control.VerifyProgress) {
	once := sync.OnceFunc(do)
	return func(p control.VerifyProgress) {
		if p.Stage == stage {
			once()
		}
	}
}

func TestVerifyWhileEventsAreAppendedAndApplied(t *testing.T) {
	w := made(t)
	w.project()
	w.traffic()
	w.awaitApplied()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			w.lead(fmt.Sprintf("0935%07d", i%50))
		}
	}()
	for range 5 {
		w.expectClean(w.verify(control.Verification{}))
	}
	cancel()
	<-done
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{}))
}

// An erasure between the two readings of a view is no difference, and neither is one while it is read for the second time.
// What else differs is still named.
func TestVerifyIsNotConfusedByAnErasureMeanwhile(t *testing.T) {
	w := made(t)
	w.project()
	phones := phonesLike("09121111111", 3)
	between, during, tampered := w.lead(phones[0]), w.lead(phones[1]), w.lead(phones[2])
	w.awaitApplied()
	w.exec(`update leads_v1.landing_phone set variant = 'b'`)
	erasures := []*kgo.Record{between, during}
	report := w.verify(control.Verification{Views: []string{"leads"}, Progress: func(p control.VerifyProgress) {
		if p.Stage == control.Comparing && len(erasures) > 0 {
			w.erase(erasures[0])
			w.awaitApplied()
			erasures = erasures[1:]
		}
	}})
	if len(erasures) > 0 {
		t.Errorf("%d erasures were never made", len(erasures))
	}
	w.expectDifferences(report, says("leads", control.RowDifferent, tampered, phones[2], "variant"))
	w.expectDifferences(w.verify(control.Verification{Views: []string{"leads"}}), says("leads", control.RowDifferent, tampered, phones[2], "variant"))
}

// Keys that change after the log was read are as the log says by then.
func TestVerifyOfDedupLooksTwice(t *testing.T) {
	w := made(t)
	w.project()
	erased, renewed, gone := w.lead("09121111111"), w.lead("09122222222"), w.lead("09123333333")
	w.awaitApplied()
	report := w.verify(control.Verification{Views: []string{"dedup"}, Progress: at(control.Comparing, func() {
		w.erase(erased)
		w.erase(renewed)
		w.lead("09122222222")
		w.lead("09124444444") // a new one
		w.awaitApplied()
		if err := w.redis().Del(t.Context(), "dedup:phone:09123333333").Err(); err != nil {
			t.Error(err)
		}
	})})
	w.expectDifferences(report, says("dedup", control.RowMissing, gone, "09123333333"))
}

func TestVerifyOfARewindMeanwhileIsToBeRepeated(t *testing.T) {
	w := made(t)
	stop := w.project()
	w.lead("09121111111")
	w.awaitApplied()
	stop()
	w.exec(`update leads_v1.landing_phone set variant = 'b'`)
	report := w.verify(control.Verification{Views: []string{"leads"}, Progress: at(control.Comparing, func() {
		w.exec(`update leadlog.position set generation = generation + 1 where projection = 'leads'`) // a claim is fine
		w.exec(`update leadlog.position set next_offset = 0, generation = generation + 1 where projection = 'leads'`)
	})})
	if err := report.Views[0].Err; !errors.Is(err, control.ErrRewoundMeanwhile) {
		t.Errorf("%v", err)
	}
	w.expectClean(w.verify(control.Verification{Views: []string{"leads"}, Partitions: control.Partitions{Numbers: []int32{(events.PartitionOf("09121111111") + 1) % 12}}}))
}

// T goes back by three days when a broker with another clock leads: what was forgotten is needed again, and read again.
func TestVerifyWhenTimeGoesBackByThreeDays(t *testing.T) {
	w := made(t)
	w.project()
	now := time.Now()
	const phone = "09121234567"
	others := phonesLike(phone, 20)
	for i, other := range others {
		w.leadAt(other, now.Add(-200*time.Hour+time.Duration(i)*time.Minute))
	}
	w.leadAt(phone, now.Add(-80*time.Hour))
	for _, other := range others {
		w.leadAt(other, now)
	}
	w.leadAt(phone, now.Add(-79*time.Hour)) // a duplicate of what is long forgotten
	w.leadAt(phone, now)
	w.awaitApplied()
	report := w.verify(control.Verification{Views: []string{"leads", "audit"}})
	w.expectClean(report)
	for _, v := range report.Views {
		if len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "T goes back") {
			t.Errorf("%s: %q", v.View, v.Notes)
		}
	}
}

// phonesLike returns phones of the same partition.
func phonesLike(phone string, n int) []string {
	var phones []string
	for i := 0; len(phones) < n; i++ {
		if like := fmt.Sprintf("0935%07d", i); events.PartitionOf(like) == events.PartitionOf(phone) {
			phones = append(phones, like)
		}
	}
	return phones
}

// A phone that was seen day by day since before the reach of dedup is judged by where a fold happens to begin: nothing can be
// said of its key. Of others it can.
func TestVerifyOfDedupSaysNothingOfWhatItCanNotKnow(t *testing.T) {
	w := made(t)
	w.project()
	now := time.Now()
	const daily = "09121234567"
	sure := phonesLike(daily, 2)
	w.leadAt(sure[0], now.Add(-9*24*time.Hour))
	for back := 190 * time.Hour; back > 0; back -= 20 * time.Hour {
		w.leadAt(daily, now.Add(-back))
	}
	lead := w.lead(sure[1])
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{}))
	client, value := w.redis(), "o|"+uuid.NewString()+"|"+fmt.Sprint(now.UnixMilli())
	for _, phone := range []string{daily, sure[1]} {
		if err := client.Set(t.Context(), "dedup:phone:"+phone, value, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
	}
	w.expectDifferences(w.verify(control.Verification{Views: []string{"dedup"}}), says("dedup", control.RowDifferent, lead, sure[1], "value"))
}

// Documents of 90 days ago may be there or not.
func TestVerifyOfAuditDoesNotAskForWhatExpires(t *testing.T) {
	w := made(t)
	w.project()
	phones := phonesLike("09121111111", 2)
	w.leadAt(phones[0], time.Now().Add(-91*24*time.Hour))
	w.leadAt(phones[1], time.Now().Add(-80*24*time.Hour))
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{}))
	w.exec(`delete from audit_v1.requests where phone = $1`, phones[0])
	w.expectClean(w.verify(control.Verification{}))
	w.exec(`delete from audit_v1.requests`)
	if report := w.verify(control.Verification{}); report.Views[1].Missing != 1 || report.Crossed.OnlyInLeads != 1 {
		t.Errorf("%s", shown(report))
	}
}

func TestVerifyOfAPausedViewGoesToWhereItStands(t *testing.T) {
	w := made(t)
	stop := w.project()
	lead := w.lead("09121111111")
	w.awaitApplied()
	stop()
	w.lead("09121111111")
	w.exec(`update leadlog.position set hold = true where projection = 'leads' and partition = $1`, lead.Partition)
	report := w.verify(control.Verification{Views: []string{"leads"}})
	w.expectClean(report)
	if notes := report.Views[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], "is paused: verified up to its position 1") {
		t.Errorf("%q", notes)
	}
}

// A view that has not come to a tombstone yet rightly has its record, also where something near it has to be looked into.
func TestVerifyAllowsARecordThatTheViewIsToForgetLater(t *testing.T) {
	w := made(t)
	stop := w.project()
	phones := phonesLike("09121111111", 2)
	gone, later := w.lead(phones[0]), w.lead(phones[1])
	w.erase(gone)
	w.awaitApplied()
	stop()
	w.erase(later)
	w.expectClean(w.verify(control.Verification{Views: []string{"leads"}}))
}

func TestVerifyWithTheAuditLogInMongoDB(t *testing.T) {
	db := mongotest.New(t)
	uri, err := url.Parse(os.Getenv("MONGODB_URI"))
	if err != nil {
		t.Fatal(err)
	}
	uri.Path = "/" + db.Name()
	w := made(t, uri.String())
	w.project()
	w.traffic()
	gone, flipped := w.lead("09351111111"), w.lead("09352222222")
	w.awaitApplied()
	w.expectClean(w.verify(control.Verification{}))
	requests := db.Collection("requests")
	if _, err := requests.DeleteOne(t.Context(), bson.M{"_id": string(gone.Key)}); err != nil {
		t.Fatal(err)
	}
	if _, err := requests.UpdateByID(t.Context(), string(flipped.Key), bson.M{"$set": bson.M{"duplicate": true, "ip": "192.0.2.9"}}); err != nil {
		t.Fatal(err)
	}
	foreign := uuid.NewString()
	_, err = requests.InsertOne(t.Context(), bson.M{
		"_id": foreign, "phone": "09353333333", "ts": time.Now(), "duplicate": true, "log_partition": gone.Partition, "log_offset": 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	extra := *gone
	extra.Key, extra.Offset = []byte(foreign), 0
	w.expectDifferences(w.verify(control.Verification{}),
		says("audit", control.RowMissing, gone, "09351111111"),
		says("audit", control.RowDifferent, flipped, "09352222222", "duplicate", "ip"),
		says("audit", control.RowExtra, &extra, "09353333333"),
		says("leads", control.OnlyInLeads, gone, "09351111111"),
		says("leads", control.OnlyInLeads, flipped, "09352222222"),
	)
}
