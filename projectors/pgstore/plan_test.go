package pgstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// Of positions that are one page PostgreSQL would rather read all, and go on so when they are many pages of dead versions.
func TestAMovePlansNoWholeTable(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := pgstore.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store := pgstore.New(pool)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, TopicID: uuid.New(), Partition: 3}
	if err := store.Create(t.Context(), view.Position{Stream: stream, Version: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `analyze leadlog.position`); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	_, err = store.Commit(t.Context(), at, view.Mark{Next: 5}, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `explain select from leadlog.position where projection = 'leads' and topic = 'phone-submitted' and partition = 3`)
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "Index") {
		t.Fatalf("%v, the plan is\n%s", err, text)
	}
}
