package drill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// settle finishes what was cut off, takes back what was paused, and lets the views come to the log's end.
func (d *drill) settle() {
	d.Helper()
	d.say("settle")
	d.finishAll()
	d.joinOne()
	for name := range d.views {
		d.await("resume "+name, func() (bool, string) {
			_, err := d.system.Resume(d.Context(), name, control.Partitions{}, reason)
			if errors.Is(err, view.ErrHeld) { // a rewind that somebody left half done: the projectors finish it
				return false, err.Error()
			}
			d.must(err)
			return true, ""
		})
	}
	d.await("nobody's commit is left to be seen", d.mirrored)
	clear(d.resets)
	d.await("every view is at the log's end", d.atEnd)
}

// mirrored says whether every offset that a person has committed was seen by whoever has the partition now.
func (d *drill) mirrored() (so bool, but string) {
	d.Helper()
	for name := range d.views {
		committed, err := d.admin().FetchOffsets(d.Context(), runner.Group(name))
		if err != nil {
			return false, err.Error()
		}
		for _, partitions := range committed {
			for _, at := range partitions {
				if at.At >= 0 && at.Metadata != runner.Marker {
					return false, fmt.Sprintf("%s/%d", name, at.Partition)
				}
			}
		}
	}
	return true, ""
}

// atEnd says whether every view has every partition at its end, and nothing holds it.
func (d *drill) atEnd() (so bool, but string) {
	d.Helper()
	for name := range d.views {
		positions := d.positions(name)
		if len(positions) != events.Partitions {
			return false, fmt.Sprintf("%s has %d positions", name, len(positions))
		}
		for _, at := range positions {
			if end := int64(len(d.log[at.Partition])); at.Next != end || at.Hold {
				return false, fmt.Sprintf("%s is at %d of %d, hold=%v, target %d, %s", at.Stream, at.Next, end, at.Hold, at.Target, d.alarm(name, at.Partition))
			}
		}
	}
	return true, ""
}

func (d *drill) alarm(name string, partition int32) string {
	alarms, err := d.views[name].Alarms(d.Context(), events.Topic)
	return fmt.Sprint("alarm: ", alarms[partition].Reason, err)
}

// check compares the views with the log: by verify, and by the fold of this package.
func (d *drill) check() {
	d.Helper()
	report, err := d.system.Verify(d.Context(), control.Verification{})
	d.must(errors.Join(err, report.Err()))
	if !report.Clean() || !report.Crossed.Done || len(report.Views) != len(d.views) {
		d.Errorf("verify: %+v", report)
	}
	log := d.readLog()
	d.same("leads", d.leads(), d.fold("leads", log).leads())
	d.same("audit", d.audit(), d.fold("audit", log).audit())
	d.same("dedup", d.dedup(), d.fold("dedup", log).dedup())
}

func (d *drill) same(name string, got, want []string) {
	d.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		d.Errorf("%s, -the log +the view:\n%s", name, diff)
	}
}

func (d *drill) leads() []string {
	d.Helper()
	pool, err := d.stores.Postgres(d.Context())
	d.must(err)
	rows, err := pool.Query(d.Context(), `select concat_ws(' ', id, phone, round(extract(epoch from created_at) * 1000)::bigint,
		record_id, event_id, log_partition, log_offset, to_json(coalesce(page, '')), to_json(coalesce(device, '')),
		to_json(coalesce(campaign->>'utm_source', ''))) from landing_phone`)
	d.must(err)
	leads, err := pgx.CollectRows(rows, pgx.RowTo[string])
	d.must(err)
	return leads
}

func (d *drill) audit() (entries []string) {
	d.Helper()
	if d.onMongo {
		return d.auditInMongo()
	}
	pool, err := d.stores.Postgres(d.Context())
	d.must(err)
	rows, err := pool.Query(d.Context(), `select doc::text from requests`)
	d.must(err)
	documents, err := pgx.CollectRows(rows, pgx.RowTo[string])
	d.must(err)
	for _, document := range documents {
		var e entry
		d.must(json.Unmarshal([]byte(document), &e))
		entries = append(entries, e.text())
	}
	return entries
}

func (d *drill) auditInMongo() (entries []string) {
	d.Helper()
	db, err := d.stores.Mongo(d.Context())
	d.must(err)
	cursor, err := db.Collection("requests").Find(d.Context(), bson.M{"erased": bson.M{"$ne": true}})
	d.must(err)
	var documents []entry
	d.must(cursor.All(d.Context(), &documents))
	for _, e := range documents {
		entries = append(entries, e.text())
	}
	return entries
}

func (d *drill) dedup() (rows []string) {
	d.Helper()
	ctx := context.WithoutCancel(d.Context())
	keys, err := d.redis.Keys(ctx, "dedup:phone:*").Result()
	d.must(err)
	for _, key := range keys {
		value, err := d.redis.Get(ctx, key).Result()
		d.must(err)
		rows = append(rows, key+" = "+value)
	}
	return rows
}
