package drill_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// append appends some records: leads, most of them of phones that were there before, poison, and tombstones.
func (d *drill) append(n int) {
	d.Helper()
	for range n {
		switch phone := d.phones[d.random.IntN(len(d.phones))]; d.random.IntN(16) {
		case 0:
			d.poison(events.PartitionOf(phone))
		case 1:
			d.erase(phone)
		default:
			d.lead(phone)
		}
	}
}

// lead appends a submission.
func (d *drill) lead(phone string) {
	d.Helper()
	id := d.uuid()
	e := &events.Event{
		RecordID: id, EventID: id, Claimed: d.clock, Source: "drill",
		Submission: events.Submission{
			Phone: phone, IP: fmt.Sprintf("192.0.2.%d", d.random.IntN(256)), Path: "/api/submit", UserAgent: "drill/1",
			Page: fmt.Sprintf("https://example.com/%d", d.random.IntN(3)), Device: []string{"", "mobile"}[d.random.IntN(2)],
			Campaign: events.Campaign{Source: []string{"", "a \"quoted\" source"}[d.random.IntN(2)]},
		},
	}
	if before := d.log[events.PartitionOf(phone)]; len(before) > 0 && d.random.IntN(4) == 0 {
		if last := before[len(before)-1]; last.phone == phone {
			e.EventID = last.receipt // a retry with the same Idempotency-Key
		}
	}
	record, err := events.Encode(e)
	d.must(err)
	out := broker.ToKafka(events.Topic, &record)
	out.Timestamp = d.time()
	d.produce(out, appended{key: id.String(), phone: phone, receipt: e.EventID})
}

// time is the T of the next record: some hours after the last one, and now and then a day back, as when a broker with another
// clock becomes leader. None is nearly a day old: its window would end during the test.
func (d *drill) time() time.Time {
	d.clock = d.clock.Add(time.Duration(d.random.Int64N(int64(5 * time.Hour))))
	t := d.clock
	if d.random.IntN(8) == 0 {
		t = t.Add(-time.Duration(d.random.Int64N(int64(30 * time.Hour))))
	}
	if now := time.Now(); t.After(now) {
		t = now
	}
	if age := time.Since(t) - events.WindowLength; age.Abs() < 20*time.Minute {
		t = t.Add(-time.Hour)
	}
	return t.Truncate(time.Millisecond)
}

// poison appends a record that no view can apply.
func (d *drill) poison(partition int32) {
	d.Helper()
	value := []string{"{", `{"phone":"\u0000"}`, "[]"}[d.random.IntN(3)]
	d.produce(&kgo.Record{
		Topic: events.Topic, Partition: partition, Key: []byte(d.uuid().String()), Value: []byte(value), Timestamp: d.time(),
	}, appended{})
}

// erase appends tombstones for all that a phone has in the log.
func (d *drill) erase(phone string) {
	d.Helper()
	partition := events.PartitionOf(phone)
	for _, record := range d.log[partition] {
		if record.phone == phone {
			d.produce(&kgo.Record{Topic: events.Topic, Partition: partition, Key: []byte(record.key), Timestamp: d.time()}, appended{tombstone: true})
		}
	}
}

func (d *drill) produce(r *kgo.Record, a appended) {
	d.Helper()
	d.must(d.client.ProduceSync(d.Context(), r).FirstErr())
	if r.Offset != int64(len(d.log[r.Partition])) {
		d.Fatalf("a record is at offset %d of partition %d, and should be at %d", r.Offset, r.Partition, len(d.log[r.Partition]))
	}
	d.log[r.Partition] = append(d.log[r.Partition], a)
}

// uuid is an id that the seed says.
func (d *drill) uuid() uuid.UUID {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(d.random.UintN(256))
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80 // version 7
	return id
}
