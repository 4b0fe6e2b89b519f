package leads_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/projectors/leads"
	"leadlog/projectors/view"
)

// A connection makes its plans in its first transactions, and keeps them. When a month begins these see a table with nothing in
// it, where each index looks as good as any other; a minute later it is the wrong one that reads every lead of two days for each
// event.
func TestTheLookUpPlannedInAnEmptyMonthGoesByPhone(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: 3}
	if err := v.Create(t.Context(), view.Position{Stream: stream}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	month := time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC)
	for i := range int64(3) { // so that there are months before and after, which are not to be looked into
		if at, err = v.Apply(t.Context(), at, view.Mark{Next: i + 1}, []events.Event{lead(3, i, month.AddDate(0, int(i), 0))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), `truncate leads_v1.landing_phone`); err != nil {
		t.Fatal(err)
	}

	near := planOf(t, pool, "near(text[], timestamptz, timestamptz)", leads.PhonesNear, "('{+989120000001}', '2031-06-16', '2031-06-18')")
	if !strings.Contains(near, "landing_phone_2031_06_phone_created_at_idx") || strings.Count(near, "Scan using") != 1 {
		t.Errorf("who has a lead near is not looked up by phone, or in months that can't have it:\n%s", near)
	}
	all := planOf(t, pool, "openers(text[], int, bigint)", leads.OpenersOf, "('{+989120000001}', 3, 5)")
	if by := strings.Count(all, "_phone_created_at_idx"); by != strings.Count(all, "Scan using") || by < 3 {
		t.Errorf("the last opener is not looked up by phone, in each month:\n%s", all)
	}
}

// planOf is the plan that a connection keeps for a statement in its applies.
func planOf(t *testing.T, pool *pgxpool.Pool, signature, statement, values string) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // it only reads
	name, _, _ := strings.Cut(signature, "(")
	for _, sql := range []string{
		`set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan`, // as every apply does
		`prepare ` + signature + ` as ` + fmt.Sprintf(statement, "leads_v1"),
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := tx.Query(t.Context(), `explain execute `+name+values)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
