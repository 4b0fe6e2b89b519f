package control

import (
	"fmt"
	"time"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/leads"
	"leadlog/projectors/view"
)

// auditRetention is how long the audit log keeps a document after its event.
const auditRetention = 90 * 24 * time.Hour

// Has is what a view has of a record.
type Has string

// What a view may have.
const (
	HasFound     Has = "found"
	HasDuplicate Has = "duplicate" // rightly absent: it opened no window
	HasErased    Has = "erased"    // rightly absent: a tombstone names it
	HasExpired   Has = "expired"   // rightly absent: the window is over, or the 90 days of the audit log are
	HasSkipped   Has = "skipped"   // rightly absent: a person had the view pass over it

	HasPending     Has = "pending"     // the view has not come so far yet
	HasParked      Has = "parked"      // it could not be applied, and is a dead letter
	HasMissing     Has = "missing"     // it should be there
	HasUnreachable Has = "unreachable" // the store does not say
)

// Well says whether the view has what it should.
func (h Has) Well() bool {
	switch h {
	case HasFound, HasDuplicate, HasErased, HasExpired, HasSkipped:
		return true
	case HasPending, HasParked, HasMissing, HasUnreachable:
	}
	return false
}

// Holding is what one view has of a record.
type Holding struct {
	View   string
	Has    Has
	Detail string
}

// asked is a view that was asked about a record, and its answer.
type asked struct {
	shelf
	opinion

	err error
}

// holding judges an answer. Only a view whose position has passed the record may be blamed for not having it.
func (a *asked) holding(r *Record, parked map[string]bool) Holding {
	h := Holding{View: a.entry.Name, Detail: a.detail}
	at, begun := a.positions[r.Partition]
	switch {
	case a.err != nil:
		h.Has, h.Detail = HasUnreachable, a.err.Error()
	case a.held:
		h.Has = HasFound
	case a.erased:
		h.Has = HasErased
	case !begun:
		h.Has, h.Detail = HasPending, "nothing of this partition is applied yet"
	case at.Next <= r.Offset:
		h.Has, h.Detail = HasPending, fmt.Sprintf("applied up to offset %d", at.Next-1)
		if stopped, ok := a.alarms[r.Partition]; ok {
			h.Detail += "; stopped: " + stopped.Reason
		}
	case a.skipped(r) != nil:
		h.Has, h.Detail = HasSkipped, a.skipped(r).Reason
	case r.Log == Erased && at.Next > r.Tombstone:
		h.Has = HasErased
	case parked[a.entry.Name]:
		h.Has, h.Detail = HasParked, "ops dlq show "+letterKey(a.entry.Name, r)
	default:
		h.Has = a.without(r)
	}
	return h
}

// skipped returns the hole that a record lies in, or nil.
func (a *asked) skipped(r *Record) *view.Hole {
	for i, h := range a.holes {
		if h.Partition == r.Partition && h.Holds(r.Offset) {
			return &a.holes[i]
		}
	}
	return nil
}

// without says why a view that has passed a record does not have it.
func (a *asked) without(r *Record) Has {
	age := time.Since(r.Time)
	switch {
	case r.Poison != "":
	case a.entry.Name == audit.Name:
		if age > auditRetention {
			return HasExpired
		}
	case r.Verdict == Duplicate:
		return HasDuplicate
	case a.entry.Name != leads.Name && age > events.WindowLength:
		return HasExpired
	}
	return HasMissing
}

// letterKey is the key of the dead letter that a view writes for a record.
func letterKey(view string, r *Record) string {
	return fmt.Sprintf("%s/%s/%d/%d", view, events.Topic, r.Partition, r.Offset)
}
