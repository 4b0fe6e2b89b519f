package events

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// ErrPoison is wrapped by every error of Decode and Encode: no projection can apply such a record.
var ErrPoison = errors.New("not a PhoneSubmitted event")

func poison(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPoison, fmt.Sprintf(format, args...))
}

// Encode writes a submission as a record: key, value and headers in the CloudEvents 1.0 Kafka binding, binary mode.
// RecordID, EventID, Claimed and Source must be set. It refuses whatever Decode would refuse.
func Encode(e *Event) (Record, error) {
	if e.RecordID == uuid.Nil || e.EventID == uuid.Nil {
		return Record{}, poison("an event needs a record id and an event id")
	}
	if err := e.Submission.check(); err != nil {
		return Record{}, err
	}
	value, err := json.Marshal(&e.Submission)
	if err != nil {
		return Record{}, poison("%v", err)
	}
	headers, err := encodeHeaders(e)
	if err != nil {
		return Record{}, err
	}
	return Record{
		Key:       []byte(e.RecordID.String()),
		Value:     value,
		Headers:   headers,
		Partition: PartitionOf(e.Phone),
		Epoch:     -1,
	}, nil
}

// Decode reads a record. A nil value is a tombstone. Every error wraps ErrPoison: the record goes to the dead letters, and
// the same bytes are refused by every projection, today and on every replay.
func Decode(r *Record) (Event, error) {
	e := Event{Partition: r.Partition, Offset: r.Offset, Epoch: r.Epoch, Time: r.Time.UTC()}
	if r.Value == nil {
		// A tombstone of a key that is no id forgets nothing: no view can hold such a record.
		e.Tombstone = true
		e.RecordID, _ = parseID(r.Key)
		return e, nil
	}
	var ok bool
	if e.RecordID, ok = parseID(r.Key); !ok {
		return Event{}, poison("the key is not a lower-case UUID")
	}
	if err := checkTime("timestamp", r.Time); err != nil {
		return Event{}, err
	}
	if err := decodeHeaders(&e, r.Headers); err != nil {
		return Event{}, err
	}
	if err := decodeValue(&e.Submission, r.Value); err != nil {
		return Event{}, err
	}
	return e, nil
}

// checkTime bounds a time to what every store can hold, in four-digit years.
func checkTime(what string, t time.Time) error {
	if ms := t.UnixMilli(); ms < 0 || ms > 253402214400000 { // 9999-12-31T00:00:00Z
		return poison("a %s outside the years 1970 to 9999", what)
	}
	return nil
}
