package viewtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// Plan is the plan that a connection makes for a statement in the transactions that move a position. signature is a name and the types of
// the parameters, as in "near(text[], int)"; values are as in "('{+98912}', 3)".
func Plan(t testing.TB, pool *pgxpool.Pool, signature, statement, values string) string {
	t.Helper()
	name, _, _ := strings.Cut(signature, "(")
	store := pgstore.New(pool)
	stream := view.Stream{Projection: "plan-" + uuid.NewString(), Topic: events.Topic, TopicID: uuid.New()}
	if err := store.Create(t.Context(), view.Position{Stream: stream}); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	_, err = store.Commit(t.Context(), at, view.Mark{Next: 1}, func(ctx context.Context, tx *pgstore.Tx) error {
		_, prepared := tx.Exec(ctx, `prepare `+signature+` as `+statement)
		rows, err := tx.Query(ctx, `explain execute `+name+values)
		if err := errors.Join(prepared, err); err != nil {
			return err
		}
		if plan, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `deallocate `+name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
