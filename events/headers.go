package events

import (
	"time"
	"unicode/utf8"
)

// Headers of the CloudEvents 1.0 Kafka protocol binding, binary content mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerTime        = "ce_time"
	headerSchema      = "ce_dataschema"
	headerContentType = "content-type"
	headerTraceparent = "traceparent"

	maxSource = 256
)

// ValidTraceparent says whether a header value is a W3C trace context that may be kept:
// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 in shape.
func ValidTraceparent(s string) bool {
	if len(s) != 55 {
		return false
	}
	for i := range len(s) {
		dash := i == 2 || i == 35 || i == 52
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

func encodeHeaders(e *Event) ([]Header, error) {
	if err := checkSource(e.Source); err != nil {
		return nil, err
	}
	if err := checkTime(headerTime, e.Claimed); err != nil {
		return nil, err
	}
	headers := []Header{
		{headerSpecVersion, []byte("1.0")},
		{headerID, []byte(e.EventID.String())},
		{headerSource, []byte(e.Source)},
		{headerType, []byte(TypeV1)},
		{headerTime, e.Claimed.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z")},
		{headerSchema, []byte(SchemaV1)},
		{headerContentType, []byte("application/json")},
	}
	if e.Traceparent != "" {
		if !ValidTraceparent(e.Traceparent) {
			return nil, poison("traceparent is not a W3C trace context")
		}
		headers = append(headers, Header{headerTraceparent, []byte(e.Traceparent)})
	}
	return headers, nil
}

// decodeHeaders reads what is needed to understand the value, and refuses what contradicts it. Headers that other people's
// tools add are passed over; a traceparent that is none is dropped, since it carries nothing of the lead.
func decodeHeaders(e *Event, headers []Header) error {
	var version, id, kind []byte
	for _, h := range headers {
		switch h.Key {
		case headerSpecVersion:
			version = h.Value
		case headerID:
			if id != nil {
				return poison("two ce_id headers")
			}
			id = h.Value
		case headerType:
			kind = h.Value
		case headerSource:
			e.Source = string(h.Value)
		case headerTime:
			t, err := time.Parse(time.RFC3339Nano, string(h.Value))
			if err != nil || checkTime(headerTime, t) != nil {
				return poison("ce_time is not a time")
			}
			e.Claimed = t.UTC()
		case headerContentType:
			if string(h.Value) != "application/json" {
				return poison("content-type is not application/json")
			}
		case headerTraceparent:
			if ValidTraceparent(string(h.Value)) {
				e.Traceparent = string(h.Value)
			}
		}
	}
	if string(version) != "1.0" || string(kind) != TypeV1 {
		return poison("not CloudEvents 1.0 of type %s", TypeV1)
	}
	var ok bool
	if e.EventID, ok = parseID(id); !ok {
		return poison("ce_id is not a lower-case UUID")
	}
	return checkSource(e.Source)
}

func checkSource(source string) error {
	if source == "" || len(source) > maxSource || !utf8.ValidString(source) {
		return poison("ce_source is missing or not a short text")
	}
	for i := range len(source) {
		if source[i] == 0 {
			return poison("ce_source holds U+0000")
		}
	}
	return nil
}
