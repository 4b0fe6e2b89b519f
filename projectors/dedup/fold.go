package dedup

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

// foldLength is how long the private key outlives both its event and the moment it is written. The hour past the window
// lets a worker that lags judge an event whose opener's public key is gone; counting from the present lets one that
// catches up judge windows that are long over.
const foldLength = events.WindowLength + time.Hour

// fold judges one batch. It writes event by event what a fold of single events would write, so that no verdict and no key
// depends on how the log is cut into batches.
type fold struct {
	tx        *redisstore.Tx
	partition int32
	now       time.Time

	histories map[string]history   // by phone
	erased    map[uuid.UUID]bool   // the records that tombstones of the batch name
	phones    map[uuid.UUID]string // whose openers some of those are
}

func newFold(tx *redisstore.Tx, at view.Position, batch []events.Event) *fold {
	f := &fold{
		tx: tx, partition: at.Partition, now: time.Now(),
		histories: make(map[string]history), erased: make(map[uuid.UUID]bool), phones: make(map[uuid.UUID]string),
	}
	for i := range batch {
		if batch[i].Tombstone && batch[i].RecordID != uuid.Nil { // Nil: the key of no record
			f.erased[batch[i].RecordID] = true
		}
	}
	return f
}

// judge finds out whether an event opens a window, and if so keeps it. A duplicate writes nothing.
func (f *fold) judge(e *events.Event) {
	last, known := f.histories[e.Phone].before(e.Offset)
	if known && last.Covers(e.Time) {
		return
	}
	o := openerOf(e)
	f.keep(e.Phone, f.histories[e.Phone].opened(o))
	f.write(e.Phone)
	switch {
	case o.closes().After(f.now):
		f.tx.Set(publicKey(e.Phone), o.public(), o.closes()) // over a claim, too
	case known && last.closes().After(f.now): // T went backwards
		f.tx.DeleteIfEqual(publicKey(e.Phone), last.public())
	}
}

// forget takes back an opener that is erased. The public key goes only if it is that opener's: a newer one, or a claim of
// the edge, may be there.
func (f *fold) forget(record uuid.UUID) {
	phone, ok := f.phones[record]
	if !ok {
		return
	}
	delete(f.phones, record)
	f.takeBack(phone, func(o opener) bool { return o.recordID == record })
}

// takeBack removes openers of a phone.
func (f *fold) takeBack(phone string, gone func(opener) bool) {
	before := f.histories[phone]
	f.histories[phone] = slices.DeleteFunc(slices.Clone(before), gone)
	switch len(f.histories[phone]) {
	case len(before):
		return
	case 0:
		f.tx.DeleteIfEqual(foldKey(f.partition, phone), before.String())
	default:
		f.write(phone)
	}
	for _, o := range before {
		if gone(o) {
			f.tx.DeleteIfEqual(publicKey(phone), o.public())
		}
	}
}

// write sets a phone's private key.
func (f *fold) write(phone string) {
	h := f.histories[phone]
	expires := f.now
	if h[0].Time.After(expires) {
		expires = h[0].Time
	}
	f.tx.Set(foldKey(f.partition, phone), h.String(), expires.Add(foldLength))
}

// keep notes a phone's history, and which of its openers will be asked for.
func (f *fold) keep(phone string, h history) {
	f.histories[phone] = h
	for _, o := range h {
		if f.erased[o.recordID] {
			f.phones[o.recordID] = phone
		}
	}
}

// load reads what the batch is judged by: the openers of its phones, and those that its tombstones name. A tombstone says
// which record, not whose. Unless the record is in the batch, or an opener of a phone that is, all openers of the partition
// are searched: erasure is rare, and its tombstones come together.
func (f *fold) load(ctx context.Context, batch []events.Event) error {
	found, err := historiesOf(ctx, f.tx.Redis, f.partition, events.Phones(batch))
	if err != nil {
		return err
	}
	missing := maps.Clone(f.erased)
	for phone, h := range found {
		f.keep(phone, h)
	}
	for record := range f.phones {
		delete(missing, record)
	}
	for i := range batch {
		if !batch[i].Tombstone {
			delete(missing, batch[i].RecordID)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for found, err := range scan(ctx, f.tx.Redis, f.partition) {
		if err != nil {
			return err
		}
		for phone, h := range found {
			if _, loaded := f.histories[phone]; !loaded && h.names(missing) {
				f.keep(phone, h)
			}
		}
	}
	return nil
}
