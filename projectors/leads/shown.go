package leads

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

// row is a lead as it is compared. A verification makes one of each event and one of each stored row: its texts are strings
// of the event, or bytes that the driver owns, and nothing is copied before the text of the whole row is.
type row[T string | []byte] struct {
	id, offset        int64
	partition         int32
	createdAt         time.Time
	recordID, eventID uuid.UUID
	phone             T
	page, referrer    optional[T]
	variant, device   optional[T]
	campaign          events.Campaign
	strange           []byte // a stored campaign that no event can have
}

// optional is a column that may be null.
type optional[T string | []byte] struct {
	value T
	there bool
}

func filled(s string) optional[string]   { return optional[string]{s, s != ""} }
func stored(raw []byte) optional[[]byte] { return optional[[]byte]{raw, raw != nil} }

// Derive implements view.Derived.
func (p *Projection) Derive(e *events.Event, duplicate bool) (view.Row, bool) {
	if duplicate {
		return view.Row{}, false
	}
	r := row[string]{
		id: ID(e.Partition, e.Offset), partition: e.Partition, offset: e.Offset, phone: e.Phone, createdAt: e.Time, recordID: e.RecordID, eventID: e.EventID,
		page: filled(e.Page), referrer: filled(e.Referrer), variant: filled(e.Variant), device: filled(e.Device), campaign: e.Campaign,
	}
	var space [spaceOf]byte
	return r.shown(space[:0]), true
}

// spaceOf is room for the text of nearly every row.
const spaceOf = 1024

// shown is the row for comparison: see view.Row. The text is put together in space.
func (r *row[T]) shown(space []byte) view.Row {
	text := append(strconv.AppendInt(append(space[:0], "id="...), r.id, 10), "\nphone="...)
	text = append(append(text, r.phone...), "\ncreated_at="...)
	text = append(r.createdAt.UTC().AppendFormat(text, time.RFC3339Nano), "\nevent_id="...)
	text = appendID(text, r.eventID)
	text = appendOptional(text, "\npage=", r.page)
	text = appendOptional(text, "\nreferrer=", r.referrer)
	text = appendOptional(text, "\nvariant=", r.variant)
	text = appendOptional(text, "\ndevice=", r.device)
	switch {
	case r.strange != nil:
		text = append(append(text, "\ncampaign="...), r.strange...)
	case r.campaign != (events.Campaign{}):
		text = appendCampaign(append(text, "\ncampaign="...), &r.campaign)
	}
	return view.Row{RecordID: r.recordID, Partition: r.partition, Offset: r.offset, Time: r.createdAt.UTC(), Opener: true, Text: string(text)}
}

func appendOptional[T string | []byte](text []byte, name string, o optional[T]) []byte {
	if !o.there {
		return text
	}
	return view.AppendQuoted(append(text, name...), o.value)
}

func appendID(text []byte, id uuid.UUID) []byte {
	text = append(hex.AppendEncode(text, id[:4]), '-')
	text = append(hex.AppendEncode(text, id[4:6]), '-')
	text = append(hex.AppendEncode(text, id[6:8]), '-')
	text = append(hex.AppendEncode(text, id[8:10]), '-')
	return hex.AppendEncode(text, id[10:])
}

// appendCampaign writes what there is of a campaign, in one order: jsonb has one of its own.
func appendCampaign(text []byte, c *events.Campaign) []byte {
	text = append(text, '{')
	for i, value := range []*string{&c.Source, &c.Medium, &c.Name, &c.Term, &c.Content} {
		if *value != "" {
			if text[len(text)-1] != '{' {
				text = append(text, ", "...)
			}
			text = view.AppendQuoted(append(append(text, utm(i)...), ": "...), *value)
		}
	}
	return append(text, '}')
}

// utm is the name of the i-th part of a campaign, quoted.
func utm(i int) string {
	switch i {
	case 0:
		return `"utm_source"`
	case 1:
		return `"utm_medium"`
	case 2:
		return `"utm_campaign"`
	case 3:
		return `"utm_term"`
	}
	return `"utm_content"`
}

// parseCampaign reads a stored campaign, and says whether an event can have it.
func parseCampaign(raw []byte) (c events.Campaign, ok bool) {
	if bytes.IndexByte(raw, '\\') < 0 && plainCampaign(&c, string(raw)) {
		return c, true
	}
	var parts map[string]string
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) == 0 {
		return c, false
	}
	c = events.Campaign{}
	for name, value := range parts {
		part := partOf(&c, name)
		if part == nil || value == "" {
			return c, false
		}
		*part = value
	}
	return c, true
}

// plainCampaign reads the text that PostgreSQL writes of an object without escapes: {"utm_term": "x", "utm_source": "y"}.
func plainCampaign(c *events.Campaign, text string) bool {
	rest, ok := strings.CutPrefix(text, "{")
	for ok {
		var name, value string
		if name, rest, ok = cutString(rest); !ok {
			return false
		}
		if rest, ok = strings.CutPrefix(rest, ": "); !ok {
			return false
		}
		if value, rest, ok = cutString(rest); !ok || value == "" {
			return false
		}
		part := partOf(c, name)
		if part == nil {
			return false
		}
		*part = value
		if rest == "}" {
			return true
		}
		rest, ok = strings.CutPrefix(rest, ", ")
	}
	return false
}

// cutString cuts a JSON string without escapes off.
func cutString(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", text, false
	}
	return strings.Cut(text[1:], `"`)
}

func partOf(c *events.Campaign, name string) *string {
	switch name {
	case "utm_source":
		return &c.Source
	case "utm_medium":
		return &c.Medium
	case "utm_campaign":
		return &c.Name
	case "utm_term":
		return &c.Term
	case "utm_content":
		return &c.Content
	}
	return nil
}
