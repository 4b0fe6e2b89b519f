package events

import (
	"time"

	"github.com/google/uuid"
)

// Names of the topics and the one type of event in them.
const (
	Topic           = "phone-submitted"
	DeadLetterTopic = "phone-submitted.dlq"
	TypeV1          = "leadlog.PhoneSubmitted.v1"
	SchemaV1        = "urn:leadlog:schema:phone_submitted.v1"
)

// Longest texts, in Unicode code points. The edge cuts what is longer; Decode refuses it.
const (
	MaxPhone     = 20
	MaxUserAgent = 512
	MaxURL       = 2048 // path, page, referrer
	MaxUTM       = 256
	MaxVariant   = 64
	MaxDevice    = 64
	MaxConsent   = 256
)

// Submission is what somebody left on a landing page: the value of the record. schemas/phone_submitted.v1.json describes it.
type Submission struct {
	Phone       string   `json:"phone"` // as NormalizePhone returns it
	IP          string   `json:"ip"`    // without a zone
	UserAgent   string   `json:"user_agent"`
	Path        string   `json:"path"` // of the request
	Referrer    string   `json:"referrer,omitzero"`
	Page        string   `json:"page,omitzero"` // that held the form
	Campaign    Campaign `json:"campaign,omitzero"`
	Variant     string   `json:"variant,omitzero"`
	Device      string   `json:"device,omitzero"`
	Consent     string   `json:"consent,omitzero"`      // version of the consent text
	Suspect     bool     `json:"suspect,omitzero"`      // the honeypot was filled
	PhoneRegion string   `json:"phone_region,omitzero"` // the region Phone was read with; Phone is E.164 then
}

// Campaign holds the five utm parameters.
type Campaign struct {
	Source  string `json:"utm_source,omitzero"`
	Medium  string `json:"utm_medium,omitzero"`
	Name    string `json:"utm_campaign,omitzero"`
	Term    string `json:"utm_term,omitzero"`
	Content string `json:"utm_content,omitzero"`
}

// Event is one record of the topic, decoded: a submission, or a tombstone that says "forget the record with this key".
type Event struct {
	RecordID uuid.UUID // the record's key: the event's identity in every view, never used twice
	EventID  uuid.UUID // ce_id: the receipt the client got; retries with one Idempotency-Key share it

	Partition int32
	Offset    int64
	Epoch     int32     // leader epoch, -1 when unknown
	Time      time.Time // T(e): the record's Kafka timestamp, ms, UTC. It alone decides windows, created_at and TTLs

	Tombstone bool // only RecordID and the place in the log are set then

	Claimed     time.Time // ce_time: the edge's own clock, for people who debug; no view depends on it
	Source      string    // ce_source: the edge that took it
	Traceparent string    // W3C trace context, if there was one
	Submission
}

// Record is an event as bytes: the shape of a Kafka record without its client.
type Record struct {
	Key     []byte
	Value   []byte // nil: a tombstone
	Headers []Header

	Partition int32
	Offset    int64
	Epoch     int32
	Time      time.Time
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}
