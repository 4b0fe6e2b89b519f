package audit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/projectors/view"
)

// Name of the projection.
const Name = "audit"

// retention is how long a document is kept after its event.
const retention = 90 * 24 * time.Hour

// Public is what everybody reads: a collection in MongoDB, a view in PostgreSQL.
const Public = "requests"

// collection is the name of the collection, and of the table.
const collection = Public

// document is what both stores hold of one event. Its names are those of the replaced system, whose tools read it.
type document struct {
	ID         string  `bson:"_id" json:"_id"` // the record's key
	EventID    string  `bson:"event_id" json:"event_id"`
	Phone      string  `bson:"phone" json:"phone"`
	Path       string  `bson:"path" json:"path"`
	IP         string  `bson:"ip" json:"ip"`
	UA         string  `bson:"ua" json:"ua"`
	Duplicate  bool    `bson:"duplicate" json:"duplicate"`
	Time       instant `bson:"ts" json:"ts"`
	Meta       meta    `bson:"meta,omitempty" json:"meta,omitzero"`
	Partition  int32   `bson:"log_partition" json:"log_partition"`
	Offset     int64   `bson:"log_offset" json:"log_offset"`
	Generation int64   `bson:"gen" json:"gen,omitzero"` // that wrote it, from 1 on
}

// meta holds what not every submission has. What is empty is left out.
type meta struct {
	Referrer    string   `bson:"referrer,omitempty" json:"referrer,omitzero"`
	Page        string   `bson:"page,omitempty" json:"page,omitzero"`
	Campaign    campaign `bson:"campaign,omitempty" json:"campaign,omitzero"`
	Variant     string   `bson:"variant,omitempty" json:"variant,omitzero"`
	Device      string   `bson:"device,omitempty" json:"device,omitzero"`
	Consent     string   `bson:"consent,omitempty" json:"consent,omitzero"`
	Suspect     bool     `bson:"suspect,omitempty" json:"suspect,omitzero"`
	PhoneRegion string   `bson:"phone_region,omitempty" json:"phone_region,omitzero"`
}

// campaign is events.Campaign with names for BSON too.
type campaign struct {
	Source  string `bson:"utm_source,omitempty" json:"utm_source,omitzero"`
	Medium  string `bson:"utm_medium,omitempty" json:"utm_medium,omitzero"`
	Name    string `bson:"utm_campaign,omitempty" json:"utm_campaign,omitzero"`
	Term    string `bson:"utm_term,omitempty" json:"utm_term,omitzero"`
	Content string `bson:"utm_content,omitempty" json:"utm_content,omitzero"`
}

// IsZero is what bson asks for omitempty of a struct.
func (m meta) IsZero() bool     { return m == meta{} }
func (c campaign) IsZero() bool { return c == campaign{} }

// documentsOf judges a run of submissions, in order, and returns their documents. A producer that used a key twice, which
// none may, gets the last one, as it would if a batch ended between the two.
func documentsOf(run []events.Event, window events.Window, generation int64) []document {
	documents := make([]document, 0, len(run))
	place := make(map[uuid.UUID]int, len(run))
	for i := range run {
		d := documentOf(&run[i], window.Judge(&run[i]), generation)
		if at, again := place[run[i].RecordID]; again {
			documents[at] = d
			continue
		}
		place[run[i].RecordID] = len(documents)
		documents = append(documents, d)
	}
	return documents
}

func documentOf(e *events.Event, duplicate bool, generation int64) document {
	return document{
		ID: e.RecordID.String(), EventID: e.EventID.String(),
		Phone: e.Phone, Path: e.Path, IP: e.IP, UA: e.UserAgent, Duplicate: duplicate, Time: instant{e.Time},
		Meta: meta{
			Referrer: e.Referrer, Page: e.Page, Campaign: campaign(e.Campaign), Variant: e.Variant, Device: e.Device,
			Consent: e.Consent, Suspect: e.Suspect, PhoneRegion: e.PhoneRegion,
		},
		Partition: e.Partition, Offset: e.Offset, Generation: generation,
	}
}

// row returns the document for comparison, without the generation: see view.Row. It is the same from both stores.
func (d *document) row() (view.Row, error) {
	id, err := uuid.Parse(d.ID)
	if err != nil {
		return view.Row{}, fmt.Errorf("_id: %w", err)
	}
	var space [1024]byte // enough for nearly every one
	text := space[:0]
	for _, f := range []struct{ name, value string }{
		{"event_id=", d.EventID}, {"phone=", d.Phone}, {"path=", d.Path}, {"ip=", d.IP}, {"ua=", d.UA},
		{"meta.referrer=", d.Meta.Referrer}, {"meta.page=", d.Meta.Page}, {"meta.variant=", d.Meta.Variant},
		{"meta.device=", d.Meta.Device}, {"meta.consent=", d.Meta.Consent}, {"meta.phone_region=", d.Meta.PhoneRegion},
		{"meta.campaign.utm_source=", d.Meta.Campaign.Source}, {"meta.campaign.utm_medium=", d.Meta.Campaign.Medium},
		{"meta.campaign.utm_campaign=", d.Meta.Campaign.Name}, {"meta.campaign.utm_term=", d.Meta.Campaign.Term},
		{"meta.campaign.utm_content=", d.Meta.Campaign.Content},
	} {
		if f.value != "" {
			text = append(view.AppendQuoted(append(text, f.name...), f.value), '\n')
		}
	}
	if d.Meta.Suspect {
		text = append(text, "meta.suspect=true\n"...)
	}
	text = append(strconv.AppendBool(append(text, "duplicate="...), d.Duplicate), "\nts="...)
	text = append(d.Time.UTC().AppendFormat(text, time.RFC3339Nano), "\nlog_partition="...)
	text = strconv.AppendInt(text, int64(d.Partition), 10)
	return view.Row{RecordID: id, Partition: d.Partition, Offset: d.Offset, Time: d.Time.UTC(), Opener: !d.Duplicate, Text: string(text)}, nil
}

// foreign is the row of a document that nobody who fills this view has written: it has another shape than ours.
func foreign(partition int32, offset int64, text string) view.Row {
	return view.Row{Partition: partition, Offset: offset, Time: time.Now(), Text: string(view.AppendQuoted([]byte("document="), text))}
}

// derive is the row of an event: every event has one.
func derive(e *events.Event, duplicate bool) (view.Row, bool) {
	d := documentOf(e, duplicate, 0)
	row, err := d.row()
	return row, err == nil
}

// instant is T of an event. It is a date in BSON; in JSON it is RFC 3339 with exactly three decimals, so that texts sort as
// times do.
type instant struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t instant) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// MarshalBSONValue implements bson.ValueMarshaler.
func (t instant) MarshalBSONValue() (kind byte, data []byte, err error) {
	return byte(bson.TypeDateTime), binary.LittleEndian.AppendUint64(nil, uint64(t.UnixMilli())), nil
}

// UnmarshalBSONValue implements bson.ValueUnmarshaler.
func (t *instant) UnmarshalBSONValue(kind byte, data []byte) error {
	return bson.UnmarshalValue(bson.Type(kind), data, &t.Time)
}
