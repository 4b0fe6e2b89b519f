package pgstore_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// A worker that claims while a swap holds the positions waits for it, and goes on with the new version. To it the position
// must not look as if it were gone: that would stop the partition.
func TestAClaimThatWaitsForASwapGetsTheNewVersion(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := pgstore.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	for version := range 2 {
		if err := leads.Migrate(t.Context(), url, version+1); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store := pgstore.New(pool)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, TopicID: uuid.New(), Partition: 3}
	draft := stream
	draft.Projection = view.Draft(leads.Name, 2)
	for version, s := range []view.Stream{stream, draft} {
		if err := store.Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Next: 5}, Version: version + 1}); err != nil {
			t.Fatal(err)
		}
	}
	claimed := make(chan error, 1)
	var at view.Position
	err = pgstore.Tables{Pool: pool, Projection: leads.Name, Public: leads.Public, Columns: "*"}.Swap(t.Context(), view.Swap{
		Topic: events.Topic, From: 1, To: 2, Cause: "test",
		CatchUp: func(ctx context.Context, _ map[int32]view.Position) error {
			go func() {
				var err error
				at, err = store.Claim(t.Context(), stream)
				claimed <- err
			}()
			return awaitLock(ctx, pool)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-claimed; err != nil || at.Version != 2 || at.Next != 5 {
		t.Fatalf("claimed %+v, %v", at, err)
	}
}

// awaitLock returns once somebody waits for a lock in this database.
func awaitLock(ctx context.Context, pool *pgxpool.Pool) error {
	for waiting := 0; waiting == 0; {
		err := pool.QueryRow(ctx, `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			return err
		}
	}
	return nil
}

// A reset that is told once more, by a process that does not know what became of it, takes nothing away from its entry.
func TestAResetToldAgainKeepsItsFirstEntry(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := pgstore.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	ledger := pgstore.NewLedger(open(t, url))
	entry := pgstore.Entry{ID: uuid.New(), Who: "unknown", Source: pgstore.SourceKafkaTool, Verb: "rewind", Outcome: pgstore.Done}
	for _, detail := range []string{`{"removed": 3}`, `{"removed": -1}`} {
		entry.Detail = []byte(detail)
		if err := ledger.Note(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := ledger.Entries(t.Context(), 9); err != nil || len(entries) != 1 || string(entries[0].Detail) != `{"removed": 3}` {
		t.Fatalf("%+v, %v", entries, err)
	}
}
