package pgstore_test

import (
	"context"
	"errors"
	"slices"
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

// claimed is a store with one position, claimed.
func claimed(t *testing.T) (pgstore.Store, view.Position, *pgxpool.Pool) {
	t.Helper()
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
	if _, err := pool.Exec(t.Context(), `analyze leadlog.position; create table noted (n int primary key)`); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return store, at, pool
}

func noted(t *testing.T, pool *pgxpool.Pool) []int32 {
	t.Helper()
	rows, err := pool.Query(t.Context(), `select n from noted order by n`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Of positions that are one page PostgreSQL would rather read all, and go on so when they are many pages of dead versions.
func TestAMovePlansNoWholeTable(t *testing.T) {
	t.Parallel()
	store, at, _ := claimed(t)
	var plan []string
	_, err := store.Commit(t.Context(), at, view.Mark{Next: 5}, func(ctx context.Context, tx *pgstore.Tx) error {
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

// What is written later is there for the next statement, and goes with the position or not at all.
func TestWhatIsWrittenLaterIsPartOfTheMove(t *testing.T) {
	t.Parallel()
	store, at, pool := claimed(t)
	at, err := store.Commit(t.Context(), at, view.Mark{Next: 5}, func(ctx context.Context, tx *pgstore.Tx) error {
		tx.Later(nil, `insert into noted values ($1)`, 1)
		tag, err := tx.Exec(ctx, `update noted set n = 2`)
		if tag.RowsAffected() != 1 {
			t.Errorf("a statement does not see what was written before it: %v", tag)
		}
		tx.Later(nil, `insert into noted values ($1)`, 3)
		return err
	})
	if err != nil || at.Next != 5 {
		t.Fatalf("%v, at %d", err, at.Next)
	}

	taken := errors.New("taken")
	_, err = store.Commit(t.Context(), at, view.Mark{Next: 9}, func(_ context.Context, tx *pgstore.Tx) error {
		tx.Later(nil, `insert into noted values ($1)`, 4)
		tx.Later(func(error) error { return taken }, `insert into noted values ($1)`, 3)
		return nil
	})
	if !errors.Is(err, taken) {
		t.Errorf("the error is %v, and not as it was explained", err)
	}
	_, err = store.Commit(t.Context(), at, view.Mark{Next: 9}, func(_ context.Context, tx *pgstore.Tx) error {
		tx.Later(nil, `insert into noted values ($1)`, 5)
		return taken
	})
	if !errors.Is(err, taken) {
		t.Errorf("the error of the effect became %v", err)
	}
	if all := noted(t, pool); !slices.Equal(all, []int32{2, 3}) {
		t.Errorf("noted %v", all)
	}
	if positions, err := store.Positions(t.Context(), at.Projection, at.Topic); err != nil || positions[0].Next != 5 {
		t.Errorf("%v, the position is %v", err, positions)
	}
}

// To the commit of what has failed the server answers with no error.
func TestAFailureThatAnEffectHidesIsNoMove(t *testing.T) {
	t.Parallel()
	store, at, pool := claimed(t)
	_, err := store.Commit(t.Context(), at, view.Mark{Next: 5}, func(ctx context.Context, tx *pgstore.Tx) error {
		_ = tx.Try(ctx, func() error { _, err := tx.Exec(ctx, `insert into noted values (null)`); return err })
		tx.Later(nil, `insert into noted values ($1)`, 1)
		return nil
	})
	if all := noted(t, pool); err != nil || !slices.Equal(all, []int32{1}) {
		t.Errorf("what was tried, and taken back, is in the way: %v, %v", err, all)
	}
	at, err = store.Claim(t.Context(), at.Stream)
	if err != nil || at.Next != 5 {
		t.Fatalf("%v, at %d", err, at.Next)
	}
	_, err = store.Commit(t.Context(), at, view.Mark{Next: 9}, func(ctx context.Context, tx *pgstore.Tx) error {
		_, _ = tx.Exec(ctx, `insert into noted values (null)`)
		return nil
	})
	if err == nil {
		t.Error("an apply that failed is told to have moved the position")
	}
}
