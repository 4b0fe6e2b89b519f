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

	plan := planOf(t, pool, "near", "(text[], int, bigint, timestamptz, timestamptz)", fmt.Sprintf(leads.LastOpenerNear, "leads_v1"),
		"('{+989120000001}', 3, 5, '2031-06-16', '2031-06-18')")
	near, _, _ := strings.Cut(plan, "Memoize")
	if !strings.Contains(near, "landing_phone_2031_06_phone_created_at_idx") || strings.Count(near, "Scan using") != 1 {
		t.Errorf("who has a lead near is not looked up by phone, or in more months than may have it:\n%s", plan)
	}
	if by := strings.Count(plan, "_phone_created_at_idx"); by != strings.Count(plan, "Scan using") || by < 4 {
		t.Errorf("some look-up is not by phone:\n%s", plan)
	}
}

// planOf is the plan that a connection keeps for a statement once it has run it a few times.
func planOf(t *testing.T, pool *pgxpool.Pool, name, parameters, statement, values string) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // it only reads
	for _, sql := range []string{
		`set local enable_seqscan = off`, // as every apply does
		`set local plan_cache_mode = force_generic_plan`,
		`prepare ` + name + parameters + ` as ` + statement,
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
