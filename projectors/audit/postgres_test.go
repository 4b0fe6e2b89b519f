package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

// A producer must never use a record key twice. If one does, the later event stands, and nothing stops.
func TestRecordKeyUsedTwice(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) (view.View, func() []view.Row){
		"PostgreSQL": func(t *testing.T) (view.View, func() []view.Row) {
			pool := onPostgres(t)
			p := audit.NewPostgres(pool)
			return view.Bind(pgstore.New(pool), p, 0), func() []view.Row { return rowsOf(t, p) }
		},
		"MongoDB": func(t *testing.T) (view.View, func() []view.Row) {
			db := onMongo(t)
			p := audit.NewMongo(db)
			return view.Bind(mongostore.New(db), p, 0), func() []view.Row { return rowsOf(t, p) }
		},
	}
	first, other := event(0, "+989121234567", now()), event(1, "+989121234568", now())
	again := event(2, "+989121234569", now())
	again.RecordID = first.RecordID
	log := []events.Event{first, other, again}
	for offset := int64(3); offset < 60; offset++ { // so many that they are written in bulk
		log = append(log, event(offset, "+989121234567", now()))
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, cut := range [][]int{{1}, {2}, {3}, {2, 3}, {}} { // the key comes again in bulk, in the same batch, or alone
				v, rows := open(t)
				at, done := claim(t, v), 0
				for _, next := range append(cut, len(log)) {
					at, done = apply(t, v, at, log[done:next]...), next
				}
				got := rows()
				if len(got) != len(log)-1 || got[0].RecordID != other.RecordID || got[1].RecordID != again.RecordID || got[1].Offset != 2 {
					t.Fatalf("cut at %v: %+v", cut, got)
				}
			}
		})
	}
}

func TestPostgresExpiry(t *testing.T) {
	t.Parallel()
	pool := onPostgres(t)
	p := audit.NewPostgres(pool)
	v := view.Bind(pgstore.New(pool), p, 0)
	var log []events.Event
	for i := range int64(2500) { // more than two statements remove
		log = append(log, event(i, "+989121234567", sinceDays(91)))
	}
	log = append(log, event(2500, "+989121234567", sinceDays(89)), event(2501, "+989121234567", now()))
	apply(t, v, claim(t, v), log...)
	if err := v.Keep(t.Context(), []int32{0, 1, 2, 4}); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, p); len(got) != len(log) {
		t.Fatalf("%d documents left of a partition that has not caught up, want %d", len(got), len(log))
	}
	if err := v.Keep(t.Context(), []int32{partition}); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, p); len(got) != 2 || got[0].Offset != 2500 {
		t.Fatalf("left are %d documents, want the last two", len(got))
	}
}

// What people ask is answered by an index of the view that they ask.
func TestPostgresViewIsIndexed(t *testing.T) {
	t.Parallel()
	pool := onPostgres(t)
	for _, ask := range []string{
		`select doc from requests where doc->>'phone' = '+989121234567' order by doc->>'ts' desc limit 10`,
		`select doc from requests where doc->>'ip' = '192.0.2.7' order by doc->>'ts' desc limit 10`,
		`select doc from requests order by doc->>'ts' desc limit 10`,
		`select doc from requests where doc->>'event_id' = '0191d5a0-0000-7000-8000-000000000029'`,
		`select doc from requests where id = '0191d5a0-0000-7000-8000-000000000029'`,
	} {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(t.Context()) //nolint:errcheck // it only asked
		if _, err := tx.Exec(t.Context(), `set local enable_seqscan = off; set local enable_sort = off`); err != nil {
			t.Fatal(err)
		}
		var plan []map[string]any
		if err := tx.QueryRow(t.Context(), `explain (format json) `+ask).Scan(&plan); err != nil {
			t.Fatal(err)
		}
		top := plan[0]["Plan"].(map[string]any)
		if top["Node Type"] == "Limit" {
			top = top["Plans"].([]any)[0].(map[string]any)
		}
		if diff := cmp.Diff("Index Scan", top["Node Type"]); diff != "" && top["Node Type"] != "Bitmap Heap Scan" {
			t.Errorf("%s\nis answered by %v", ask, top)
		}
	}
}

// As in MongoDB, neither a hot phone nor the size of its partition may slow the look-up down; nor may a table that nobody
// has analyzed yet, as in a rebuild.
func TestPostgresOpenersAreFoundThroughTheirOwnIndex(t *testing.T) {
	t.Parallel()
	pool := onPostgres(t)
	v := view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0)
	var log []events.Event
	for i := range int64(4000) { // one hot phone, and others
		log = append(log, event(i, fmt.Sprintf("+98912%07d", max(0, i%4-2)*i), now()))
	}
	apply(t, v, claim(t, v), log...)
	for _, analyze := range []string{"", "analyze"} {
		if _, err := pool.Exec(t.Context(), analyze); err != nil {
			t.Fatal(err)
		}
		plan := viewtest.Plan(t, pool, "openers(text[], int, bigint)", audit.OpenersOf(), "('{+989120000000,+989120000003}', 3, 4000)")
		if !strings.Contains(plan, "requests_openers") || strings.Contains(plan, "log_partition_log_offset") {
			t.Errorf("%q: the plan is\n%s", analyze, plan)
		}
	}
}
