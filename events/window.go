package events

import "time"

// WindowLength is how long an opener makes later events of its phone duplicates.
const WindowLength = 24 * time.Hour

// Opener is what the window rule keeps of the last event that opened a window.
type Opener struct {
	Offset int64
	Time   time.Time // T of the opener
}

// Window folds one partition in offset order: for each phone, the last opener before the next event.
//
// The rule: an event is a duplicate iff |T(e) - T(o)| < 24 h, where o is its phone's last opener before it in the
// partition; otherwise it opens a window itself. Windows do not slide: a duplicate never prolongs one. T may go backwards,
// when a broker with another clock becomes leader; the rule then holds as it is written.
type Window map[string]Opener

// Judge reports whether e is a duplicate, and remembers it when it opens a window. Tombstones have no verdict: whoever
// applies one looks the phone's opener up again, since an older one may have come to light.
func (w Window) Judge(e *Event) (duplicate bool) {
	if o, ok := w[e.Phone]; ok && o.Covers(e.Time) {
		return true
	}
	w[e.Phone] = Opener{Offset: e.Offset, Time: e.Time}
	return false
}

// Covers reports whether an event at t falls in the opener's window.
func (o Opener) Covers(t time.Time) bool { return t.Sub(o.Time).Abs() < WindowLength }

// Phones returns the distinct phones of a batch, tombstones left out, in the order of their first events: what a
// projection has to look up before it judges the batch.
func Phones(batch []Event) []string {
	seen := make(map[string]struct{}, len(batch))
	phones := make([]string, 0, len(batch))
	for i := range batch {
		if batch[i].Tombstone {
			continue
		}
		if _, ok := seen[batch[i].Phone]; !ok {
			seen[batch[i].Phone] = struct{}{}
			phones = append(phones, batch[i].Phone)
		}
	}
	return phones
}

// Runs cuts a batch into stretches of submissions and of tombstones, in order. A tombstone may remove the opener that
// later events of the batch would be judged by; folding run by run gives the verdicts that any other cut into batches gives.
func Runs(batch []Event) [][]Event {
	var runs [][]Event
	for start := 0; start < len(batch); {
		end := start + 1
		for end < len(batch) && batch[end].Tombstone == batch[start].Tombstone {
			end++
		}
		runs = append(runs, batch[start:end])
		start = end
	}
	return runs
}
