package drill_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
)

// record is an event, and whether it opened a window.
type record struct {
	events.Event

	opener bool
}

// folded is what one view must hold. It shares no code with the projections or with verify but the decoding.
type folded struct {
	all  []record
	last map[string]record // the last opener of each phone
}

// readLog reads every record of a log that nobody appends to any more.
func (d *drill) readLog() []*kgo.Record {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	defer cancel()
	reader, err := broker.NewClient(broker.Config{Brokers: d.cfg.Brokers, ClientID: "leadlog-test"},
		kgo.ConsumeTopics(events.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	d.must(err)
	defer reader.Close()
	want := 0
	for _, records := range d.log {
		want += len(records)
	}
	var log []*kgo.Record
	for len(log) < want {
		fetches := reader.PollFetches(ctx)
		d.must(fetches.Err())
		log = append(log, fetches.Records()...)
	}
	slices.SortFunc(log, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return log
}

// fold is the definition, in the order of its words: what a view passed over is not there; of the rest, records with a later
// tombstone are forgotten; and of what is left an event is a duplicate if the last opener of its phone before it is less than
// a day away from it.
func (d *drill) fold(name string, log []*kgo.Record) folded {
	d.Helper()
	var left []events.Event
	forgotten := make(map[string]int64) // offset of the last tombstone, by key
	for _, r := range log {
		if slices.ContainsFunc(d.holes, func(h hole) bool {
			return h.view == name && h.partition == r.Partition && h.from <= r.Offset && r.Offset < h.to
		}) {
			continue
		}
		plain := broker.FromKafka(r)
		e, err := events.Decode(&plain)
		switch {
		case err != nil:
		case e.Tombstone:
			forgotten[string(r.Key)] = r.Offset
		default:
			left = append(left, e)
		}
	}
	f := folded{last: make(map[string]record)}
	for _, e := range left {
		if forgotten[e.RecordID.String()] > e.Offset {
			continue
		}
		r := record{Event: e, opener: true}
		if o, there := f.last[e.Phone]; there {
			gap := e.Time.UnixMilli() - o.Time.UnixMilli()
			r.opener = gap <= -86_400_000 || gap >= 86_400_000
		}
		if r.opener {
			f.last[e.Phone] = r
		}
		f.all = append(f.all, r)
	}
	return f
}

// leads are the rows of landing_phone, as text.
func (f folded) leads() (rows []string) {
	for _, r := range f.all {
		if r.opener {
			rows = append(rows, fmt.Sprintf("%d %s %d %s %s %d %d %q %q %q", r.Offset*16+int64(r.Partition), r.Phone, r.Time.UnixMilli(),
				r.RecordID, r.EventID, r.Partition, r.Offset, r.Page, r.Device, r.Campaign.Source))
		}
	}
	return rows
}

// audit are the documents of requests, as text.
func (f folded) audit() (rows []string) {
	for _, r := range f.all {
		rows = append(rows, entry{
			ID: r.RecordID.String(), EventID: r.EventID.String(), Phone: r.Phone, Path: r.Path, IP: r.IP, UA: r.UserAgent,
			Duplicate: !r.opener, Time: r.Time, Meta: meta{Page: r.Page, Device: r.Device, Campaign: source{r.Campaign.Source}},
			Partition: r.Partition, Offset: r.Offset,
		}.text())
	}
	return rows
}

// dedup are the keys whose windows are open, as text.
func (f folded) dedup() (rows []string) {
	for phone, o := range f.last {
		if time.Since(o.Time) < 24*time.Hour {
			rows = append(rows, fmt.Sprintf("dedup:phone:%s = o|%s|%d", phone, o.EventID, o.Time.UnixMilli()))
		}
	}
	return rows
}

// entry is a document of the audit log, as another client of its store reads it.
type entry struct {
	ID        string    `bson:"_id"           json:"_id"`
	EventID   string    `bson:"event_id"      json:"event_id"`
	Phone     string    `bson:"phone"         json:"phone"`
	Path      string    `bson:"path"          json:"path"`
	IP        string    `bson:"ip"            json:"ip"`
	UA        string    `bson:"ua"            json:"ua"`
	Duplicate bool      `bson:"duplicate"     json:"duplicate"`
	Time      time.Time `bson:"ts"            json:"ts"`
	Meta      meta      `bson:"meta"          json:"meta"`
	Partition int32     `bson:"log_partition" json:"log_partition"`
	Offset    int64     `bson:"log_offset"    json:"log_offset"`
}

type meta struct {
	Page     string `bson:"page"     json:"page"`
	Device   string `bson:"device"   json:"device"`
	Campaign source `bson:"campaign" json:"campaign"`
}

type source struct {
	Source string `bson:"utm_source" json:"utm_source"`
}

func (e entry) text() string {
	e.Time = e.Time.UTC()
	text, err := json.Marshal(e)
	return fmt.Sprint(string(text), err)
}
