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
	pool, err := pgstore.Open(t.Context(), url, "leadlog-test", 1) // one connection: what is left on it is seen
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

// What is written later is there for the next statement, whatever that is.
func TestWhatIsWrittenLaterIsThereForTheNextStatement(t *testing.T) {
	t.Parallel()
	store, at, pool := claimed(t)
	at, err := store.Commit(t.Context(), at, view.Mark{Next: 5}, func(ctx context.Context, tx *pgstore.Tx) error {
		tx.Later(nil, `insert into noted values ($1)`, 1)
		tag, err := tx.Exec(ctx, `update noted set n = 2`)
		if tag.RowsAffected() != 1 {
			t.Errorf("a write does not see what was written before it: %v", tag)
		}
		tx.Later(nil, `insert into noted values ($1)`, 3)
		rows, asked := tx.Query(ctx, `select n from noted order by n`)
		if err := errors.Join(err, asked); err != nil {
			return err
		}
		if all, err := pgx.CollectRows(rows, pgx.RowTo[int32]); err != nil || !slices.Equal(all, []int32{2, 3}) {
			t.Errorf("a question sees %v, %v", all, err)
		}
		tx.Later(nil, `delete from noted where n = $1`, 3)
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"noted"}, []string{"n"}, pgx.CopyFromRows([][]any{{3}, {4}})) // twice, if 3 were still there
		tx.Later(nil, `insert into noted values ($1)`, 5)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	unmoved(t, store, at, 5)
	if all := noted(t, pool); !slices.Equal(all, []int32{2, 3, 4, 5}) {
		t.Errorf("noted %v", all)
	}
}

// However an effect ends that is not whole: nothing of it stays, the position neither, and the next one goes on.
func TestAnEffectThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	store, at, pool := claimed(t)
	taken := errors.New("taken")
	for name, effect := range map[string]func(context.Context, context.CancelFunc, *pgstore.Tx) error{
		"an error of its own": func(ctx context.Context, _ context.CancelFunc, tx *pgstore.Tx) error {
			_, err := tx.Exec(ctx, `insert into noted values (1)`)
			tx.Later(nil, `insert into noted values ($1)`, 2)
			return errors.Join(err, taken)
		},
		"what it wrote later fails": func(ctx context.Context, _ context.CancelFunc, tx *pgstore.Tx) error {
			_, err := tx.Exec(ctx, `insert into noted values (1)`)
			tx.Later(func(error) error { return taken }, `insert into noted values ($1)`, 1)
			return err
		},
		"it hides a failure": func(ctx context.Context, _ context.CancelFunc, tx *pgstore.Tx) error {
			_, _ = tx.Exec(ctx, `insert into noted values (null)`)
			return nil
		},
		"nobody waits any more": func(ctx context.Context, cancel context.CancelFunc, tx *pgstore.Tx) error {
			_, err := tx.Exec(ctx, `insert into noted values (1)`)
			cancel()
			return err
		},
		"the connection is lost": func(ctx context.Context, _ context.CancelFunc, tx *pgstore.Tx) error {
			_, err := tx.Exec(ctx, `insert into noted values (1)`)
			_, _ = tx.Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := store.Commit(ctx, at, view.Mark{Next: 9}, func(ctx context.Context, tx *pgstore.Tx) error { return effect(ctx, cancel, tx) })
		cancel()
		if err == nil {
			t.Errorf("%s: the position is told to have moved", name)
		}
		if strings.Contains(name, "fails") && !errors.Is(err, taken) {
			t.Errorf("%s: the error is %v, and not as it was explained", name, err)
		}
		unmoved(t, store, at, 0)
		if all := noted(t, pool); len(all) > 0 {
			t.Errorf("%s: noted %v", name, all)
		}
	}
	if _, err := store.Commit(t.Context(), at, view.Mark{Next: 9}, func(context.Context, *pgstore.Tx) error { return nil }); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// What was tried is taken back with all of it, and does not stand in the way.
func TestWhatIsTriedIsTakenBack(t *testing.T) {
	t.Parallel()
	store, at, pool := claimed(t)
	again := func(sql string) func(context.Context, *pgstore.Tx) error {
		return func(ctx context.Context, tx *pgstore.Tx) error {
			failed, err := tx.Try(ctx, func() error {
				tx.Later(nil, `insert into noted values (7)`)
				_, err := tx.Exec(ctx, `insert into noted values (8)`)
				tx.Later(nil, sql)
				return err
			})
			if failed == nil {
				t.Errorf("%s did not fail", sql)
			}
			tx.Later(nil, `insert into noted values (1)`)
			return err
		}
	}
	at, err := store.Commit(t.Context(), at, view.Mark{Next: 5}, again(`insert into noted values (null)`))
	if all := noted(t, pool); err != nil || !slices.Equal(all, []int32{1}) {
		t.Fatalf("%v, noted %v", err, all)
	}
	unmoved(t, store, at, 5)
}

// unmoved checks where the store says that a position is.
func unmoved(t *testing.T, store pgstore.Store, at view.Position, next int64) {
	t.Helper()
	positions, err := store.Positions(t.Context(), at.Projection, at.Topic)
	if err != nil || len(positions) != 1 || positions[0].Next != next || positions[0].Generation != at.Generation {
		t.Errorf("%v, the position is %+v, and not at %d of generation %d", err, positions, next, at.Generation)
	}
}
