package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
)

// verdict is the checker's own fold of the window rule, which shares no code with the projections.
type verdict struct {
	openers map[string]events.Event // by record key
	last    map[string]events.Event // by phone
}

func fold(log []events.Event) verdict {
	log = slices.Clone(log)
	slices.SortFunc(log, func(a, b events.Event) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	v := verdict{openers: make(map[string]events.Event), last: make(map[string]events.Event)}
	for _, e := range log {
		o, seen := v.last[e.Phone]
		gap := e.Time.UnixMilli() - o.Time.UnixMilli()
		if seen && gap < 86_400_000 && gap > -86_400_000 {
			continue
		}
		v.last[e.Phone] = e
		v.openers[e.RecordID.String()] = e
	}
	return v
}

// checkAll compares the log with what clients were told, and every view with the log, id by id.
func (w *world) checkAll(acknowledged, unknown map[string]bool) {
	w.Helper()
	log := w.readLog()
	inLog := make(map[string]bool)
	records := make(map[string]int)
	for _, e := range log {
		inLog[e.EventID.String()] = true
		records[e.RecordID.String()]++
	}
	for id, n := range records {
		if n > 1 {
			w.Errorf("record key %s is in the log %d times", id, n)
		}
	}
	w.sameIDs("lost: acknowledged, and not in the log", acknowledged, inLog)
	allowed := maps.Clone(acknowledged)
	maps.Copy(allowed, unknown)
	w.sameIDs("phantom: in the log, and nobody sent it", inLog, allowed)

	want := fold(log)
	w.await("every position at its end", func() bool { return w.caughtUp() })
	w.checkLeads(want)
	w.checkAudit(log, want)
	w.checkDedup(want)
}

// sameIDs reports the ids of one set that another lacks.
func (w *world) sameIDs(what string, have, in map[string]bool) {
	w.Helper()
	var missing []string
	for id := range have {
		if !in[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		w.Errorf("%s: %d, such as %v", what, len(missing), missing[:min(len(missing), 5)])
	}
}

func (w *world) checkLeads(want verdict) {
	w.Helper()
	rows, err := w.pool.Query(w.Context(), `select record_id::text from landing_phone`)
	w.check(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.check(err)
	got := make(map[string]bool)
	for _, id := range ids {
		if got[id] {
			w.Errorf("lead %s is there twice", id)
		}
		got[id] = true
	}
	openers := make(map[string]bool)
	for id := range want.openers {
		openers[id] = true
	}
	w.sameIDs("leads missing", openers, got)
	w.sameIDs("leads too many", got, openers)
}

func (w *world) checkAudit(log []events.Event, want verdict) {
	w.Helper()
	cursor, err := w.mongo.Collection("requests").Find(w.Context(), bson.M{})
	w.check(err)
	var docs []struct {
		ID        string `bson:"_id"`
		Duplicate bool   `bson:"duplicate"`
	}
	w.check(cursor.All(w.Context(), &docs))
	got, sent := make(map[string]bool), make(map[string]bool)
	for _, d := range docs {
		got[d.ID] = true
		if _, opener := want.openers[d.ID]; opener == d.Duplicate {
			w.Errorf("audit of %s says duplicate=%v", d.ID, d.Duplicate)
		}
	}
	for _, e := range log {
		sent[e.RecordID.String()] = true
	}
	w.sameIDs("audit missing", sent, got)
	w.sameIDs("audit too many", got, sent)
}

// checkDedup: each open window's key names its opener.
func (w *world) checkDedup(want verdict) {
	w.Helper()
	wrong, example := 0, ""
	for phone, o := range want.last {
		if time.Since(o.Time) > 23*time.Hour {
			continue
		}
		key := fmt.Sprintf("o|%s|%d", o.EventID, o.Time.UnixMilli())
		if got := w.redis.Get(w.Context(), "dedup:phone:"+phone).Val(); got != key {
			wrong, example = wrong+1, fmt.Sprintf("%q, want %q", got, key)
		}
	}
	if wrong > 0 {
		w.Errorf("dedup: %d keys of %d are wrong, such as %s", wrong, len(want.last), example)
	}
}
