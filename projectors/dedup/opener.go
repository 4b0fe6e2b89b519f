package dedup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

// opener is an event that opened a window.
type opener struct {
	events.Opener
	eventID  uuid.UUID
	recordID uuid.UUID
}

func openerOf(e *events.Event) opener {
	return opener{Opener: events.Opener{Offset: e.Offset, Time: e.Time}, eventID: e.EventID, recordID: e.RecordID}
}

// closes is when the window ends, and with it the public key.
func (o opener) closes() time.Time { return o.Time.Add(events.WindowLength) }

// public is the value of the public key.
func (o opener) public() string { return fmt.Sprintf("o|%s|%d", o.eventID, o.Time.UnixMilli()) }

// String is the opener as the private key has it.
func (o opener) String() string {
	return fmt.Sprintf("%d|%s|%s|%d", o.Time.UnixMilli(), o.eventID, o.recordID, o.Offset)
}

func parseOpener(text string) (o opener, err error) {
	parts := strings.Split(text, "|")
	if len(parts) != 4 {
		return o, errors.New("not T|ce_id|record_id|offset")
	}
	ms, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return o, fmt.Errorf("time: %w", err)
	}
	o.Time = time.UnixMilli(ms).UTC()
	if o.eventID, err = uuid.Parse(parts[1]); err != nil {
		return o, fmt.Errorf("ce_id: %w", err)
	}
	if o.recordID, err = uuid.Parse(parts[2]); err != nil {
		return o, fmt.Errorf("record_id: %w", err)
	}
	if o.Offset, err = strconv.ParseInt(parts[3], 10, 64); err != nil {
		return o, fmt.Errorf("offset: %w", err)
	}
	return o, nil
}
