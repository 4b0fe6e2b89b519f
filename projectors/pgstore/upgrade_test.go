package pgstore_test

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgstore.Open(t.Context(), url, "leadlog-test", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// first holds the migrations up to the first one, as a database has them that was made, or backed up, before the others.
func first(t *testing.T) fs.FS {
	t.Helper()
	const name = "migrations/00001_position.sql"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{name: &fstest.MapFile{Data: text}}
}

// A database of the first version, with positions, a pause and an alarm in it: nothing is lost, and everything works on.
func TestADatabaseOfTheFirstVersionIsMigrated(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	if err := pgstore.MigrateSchema(t.Context(), url, pgstore.Schema, first(t)); err != nil {
		t.Fatal(err)
	}
	pool := open(t, url)
	topicID := uuid.MustParse("0191d5a0-0000-7000-8000-000000000001")
	if _, err := pool.Exec(t.Context(), `
		insert into leadlog.position (projection, topic, partition, topic_id, generation, next_offset, leader_epoch, hold)
			values ('leads', 'phone-submitted', 3, '`+topicID.String()+`', 8, 42, 5, false),
				('leads', 'phone-submitted', 4, '`+topicID.String()+`', 2, 7, -1, true);
		insert into leadlog.alarm (projection, topic, partition, reason) values ('leads', 'phone-submitted', 4, 'because')`); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and once more is nothing
		if err := pgstore.Migrate(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	}
	store := pgstore.New(pool)
	stream := func(partition int32) view.Stream {
		return view.Stream{Projection: "leads", Topic: events.Topic, TopicID: topicID, Partition: partition}
	}
	want := []view.Position{
		{Stream: stream(3), Mark: view.Mark{Next: 42, Epoch: 5}, Generation: 8, Target: view.NoTarget, Version: 1},
		{Stream: stream(4), Mark: view.Mark{Next: 7, Epoch: -1}, Generation: 2, Target: view.NoTarget, Version: 1, Hold: true},
	}
	got, err := store.Positions(t.Context(), "leads", events.Topic)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("%v; -want +got:\n%s", err, diff)
	}
	if alarms, err := store.Alarms(t.Context(), "leads", events.Topic); err != nil || alarms[4].Reason != "because" {
		t.Fatalf("alarms %+v, %v", alarms, err)
	}
	at, err := store.Claim(t.Context(), stream(3))
	if err != nil || at.Generation != 9 || at.Version != 1 {
		t.Fatalf("claimed %+v, %v", at, err)
	}
	if holes, err := store.Holes(t.Context(), "leads", events.Topic); err != nil || len(holes) != 0 {
		t.Fatalf("holes %+v, %v", holes, err)
	}
}

// The public view itself says which version it shows.
func TestVersionOfIsWhatTheViewShows(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	pool := open(t, url)
	version := func(want int) {
		t.Helper()
		if got, err := pgstore.VersionOf(t.Context(), pool, leads.Name, leads.Public); got != want || err != nil {
			t.Fatalf("version %d, %v; want %d", got, err, want)
		}
	}
	version(1) // nothing is there yet
	for _, made := range []int{1, 2, 12} {
		if err := leads.Migrate(t.Context(), url, made); err != nil {
			t.Fatal(err)
		}
		version(1)
	}
	for _, shown := range []int{2, 12, 1} {
		sql := `create or replace view public.landing_phone as select * from ` + pgstore.Versioned(leads.Name, shown) + `.landing_phone`
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		version(shown)
	}
	if _, err := pool.Exec(t.Context(), `create schema other; create table other.landing_phone (like leads_v1.landing_phone);
		create or replace view public.landing_phone as select * from other.landing_phone`); err != nil {
		t.Fatal(err)
	}
	if _, err := pgstore.VersionOf(t.Context(), pool, leads.Name, leads.Public); err == nil || view.Classify(err) != view.Stop {
		t.Fatalf("a view on something else: %v", err)
	}
}
