package pgstore_test

import (
	"context"
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

// What is applied can be had from the log again, and so need not wait for the disk. What a person does can't.
func TestARewindWaitsForTheDiskAndAnApplyDoesNot(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := pgstore.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on" // as servers have it that are not for tests
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store := pgstore.New(pool)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, TopicID: uuid.New(), Partition: 3}
	if err := store.Create(t.Context(), view.Position{Stream: stream, Version: 1}); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	var waits string
	look := func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `show synchronous_commit`).Scan(&waits)
	}
	if at, err = store.Commit(t.Context(), at, view.Mark{Next: 5}, look); err != nil || waits != "off" {
		t.Fatalf("an apply: synchronous_commit is %q, %v", waits, err)
	}
	if _, err = store.Rewind(t.Context(), at, 2, "test", look); err != nil || waits != "on" {
		t.Fatalf("a rewind: synchronous_commit is %q, %v", waits, err)
	}
}
