package control

import (
	"errors"
	"math"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

const (
	// keepOpeners is how long an opener is remembered after its T: its window, and as much again for a T that goes back.
	keepOpeners = 2 * events.WindowLength
	// forgetEvery is how far T moves on before what is too old is looked for.
	forgetEvery = 6 * time.Hour
)

// errSteppedBack is returned when T has gone so far back that an opener may be needed which is forgotten.
var errSteppedBack = errors.New("an opener is needed that may be forgotten: T has gone back")

// opening is an opener, as small as it can be: there are as many in memory as phones in two days.
type opening struct {
	time   int64 // T in Unix ms
	offset int64
	record uuid.UUID
}

// fold judges the events of a partition by the rule that the views follow (events.Window), in memory that does not grow with
// the log: it forgets openers whose windows are long over.
type fold struct {
	openers map[uint64]opening // by phone
	// erased is the offset of the last tombstone of each record that has one, as far as is known.
	erased map[uuid.UUID]int64
	// forgets is false for a partition in which T has gone back too far: there everything is remembered.
	forgets bool

	newest  int64 // the highest T of an opener so far, in Unix ms
	looked  int64 // openers with a T below this one were looked for
	horizon int64 // and some with a T below this one were forgotten
}

func newFold(forgets bool, erased map[uuid.UUID]int64) *fold {
	const never = math.MinInt64 / 2
	return &fold{openers: make(map[uint64]opening), erased: erased, forgets: forgets, newest: never, looked: never, horizon: never}
}

// judge reports whether an event is a duplicate, and remembers it when it opens a window.
func (f *fold) judge(e *events.Event) (duplicate bool, err error) {
	t := e.Time.UnixMilli()
	if t < f.horizon+events.WindowLength.Milliseconds() {
		return false, errSteppedBack
	}
	key := phoneKey(e.Phone)
	if o, known := f.openers[key]; known && f.covers(o, e) {
		return true, nil
	}
	f.openers[key] = opening{time: t, offset: e.Offset, record: e.RecordID}
	if t > f.newest {
		f.newest = t
		f.forget()
	}
	return false, nil
}

// covers says whether an event falls in an opener's window. An opener that was erased before the event covers nothing: its
// tombstone comes with those of all events of the phone, so that no older one comes to light.
func (f *fold) covers(o opening, e *events.Event) bool {
	if at, erased := f.erased[o.record]; erased && at > o.offset && at < e.Offset {
		return false
	}
	return events.Opener{Offset: o.offset, Time: time.UnixMilli(o.time)}.Covers(e.Time)
}

// forget drops the openers whose windows are long over.
func (f *fold) forget() {
	limit := f.newest - keepOpeners.Milliseconds()
	if !f.forgets || limit-f.looked < forgetEvery.Milliseconds() {
		return
	}
	f.looked = limit
	for phone, o := range f.openers {
		if o.time < limit {
			delete(f.openers, phone)
			f.horizon = limit
		}
	}
}

// bury notes a tombstone.
func (f *fold) bury(record uuid.UUID, offset int64) {
	if record != uuid.Nil { // the key of no record
		f.erased[record] = max(f.erased[record], offset)
	}
}

// gone says whether an event has a later tombstone.
func (f *fold) gone(e *events.Event) bool {
	if len(f.erased) == 0 {
		return false
	}
	at, erased := f.erased[e.RecordID]
	return erased && at > e.Offset
}

// phoneKey is a phone in 64 bits, exactly: four for each of at most 15 digits, and for the plus sign.
func phoneKey(phone string) uint64 {
	const plus = 11
	var key uint64
	for i := range len(phone) {
		nibble := uint64(phone[i]-'0') + 1
		if phone[i] == '+' {
			nibble = plus
		}
		key = key<<4 | nibble
	}
	return key
}
