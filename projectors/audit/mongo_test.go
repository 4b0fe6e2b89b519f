package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	driverevent "go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

// frozen claims the position and applies a batch, but its worker freezes after it has compared the position and before it
// writes; meanwhile happens then. It returns what the worker is told when it thaws.
func frozen(t *testing.T, db *mongo.Database, batch []events.Event, meanwhile func()) error {
	t.Helper()
	store, projection := mongostore.New(db), audit.NewMongo(db)
	at := claim(t, view.Bind(store, projection, 0))
	_, err := store.Commit(t.Context(), at, end(batch), func(ctx context.Context, tx mongostore.Tx) error {
		meanwhile()
		return projection.Apply(ctx, tx, at, batch)
	})
	return err
}

// Interleaving 4: A freezes holding E1, B applies E1 and its tombstone, A thaws and writes E1. The stub refuses it.
func TestZombieBringsBackWhatWasErased(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]func(e events.Event) []events.Event{
		"after B applied it":                 func(e events.Event) []events.Event { return []events.Event{e, tombstone(1, e)} },
		"after compaction hid it from B too": func(e events.Event) []events.Event { return []events.Event{tombstone(1, e)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := onMongo(t)
			e1 := event(0, "+989121234567", now())
			err := frozen(t, db, []events.Event{e1}, func() {
				b := view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
				apply(t, b, claim(t, b), applied(e1)...)
			})
			if !errors.Is(err, view.ErrFenced) {
				t.Fatalf("the zombie is told %v", err)
			}
			if diff := cmp.Diff([]bson.M{{"_id": e1.RecordID.String(), "erased": true}}, all(t, db)); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			if rows := rowsOf(t, audit.NewMongo(db)); len(rows) != 0 {
				t.Fatalf("a stub is shown as %v", rows)
			}
			if has, err := audit.NewMongo(db).HasRows(t.Context(), partition); has || err != nil {
				t.Fatalf("a stub counts as a row: %v, %v", has, err)
			}
		})
	}
}

func TestZombieOverwritesNothingNewer(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	batch := []events.Event{event(0, "+989121234567", now()), event(1, "+989121234567", now()), event(2, "+989121234568", now())}
	var want []bson.M
	err := frozen(t, db, batch, func() {
		b := view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
		apply(t, b, claim(t, b), batch...)
		want = all(t, db)
	})
	if !errors.Is(err, view.ErrFenced) {
		t.Fatalf("the zombie is told %v", err)
	}
	if diff := cmp.Diff(want, all(t, db)); diff != "" || want[0]["gen"] != int64(2) {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// What a zombie, or a worker that died before the position moved, has written already is taken over: same documents, a newer
// generation. Undo of the older one then spares them.
func TestNewerGenerationTakesOver(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store, projection := mongostore.New(db), audit.NewMongo(db)
	v := view.Bind(store, projection, 0)
	batch := []events.Event{event(0, "+989121234567", now()), event(1, "+989121234567", now()), event(2, "+989121234568", now())}
	died := errors.New("died")
	at := claim(t, v)
	_, err := store.Commit(t.Context(), at, end(batch), func(ctx context.Context, tx mongostore.Tx) error {
		return errors.Join(projection.Apply(ctx, tx, at, batch), died)
	})
	if !errors.Is(err, died) {
		t.Fatal(err)
	}
	want := rowsOf(t, projection)
	apply(t, v, claim(t, v), batch...)
	if diff := cmp.Diff(want, rowsOf(t, projection)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	for _, d := range all(t, db) {
		if d["gen"] != int64(2) {
			t.Errorf("%v is still the dead one's", d)
		}
	}
}

// A zombie's document stands where a worker inserts its own; before the worker replaces it, a rewind that is finished for
// the second time undoes it. The worker's document must be there in the end.
func TestDocumentVanishesBeforeItIsReplaced(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	v := view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
	e := event(0, "+989121234567", now())
	apply(t, v, claim(t, v), e)
	at, _, err := v.Rewind(t.Context(), claim(t, v), 0, "test")
	if err != nil {
		t.Fatal(err)
	}
	zombie := mongostore.Tx{DB: db, Generation: 1}
	if err := audit.NewMongo(db).Apply(t.Context(), zombie, at, []events.Event{e}); err != nil {
		t.Fatal(err)
	}

	var once sync.Once
	mine := watched(t, db, func(command bson.Raw) {
		if _, err := command.LookupErr("update"); err == nil {
			once.Do(func() {
				if n, err := audit.NewMongo(db).Undo(t.Context(), mongostore.Tx{DB: db, Generation: at.Generation, Next: 1}, view.Position{Stream: view.Stream{Partition: partition}}, 0); n != 1 || err != nil {
					t.Errorf("undone %d documents, %v", n, err)
				}
			})
		}
	})
	worker := mongostore.Tx{DB: mine, Generation: at.Generation + 1}
	if err := audit.NewMongo(mine).Apply(t.Context(), worker, at, []events.Event{e}); err != nil {
		t.Fatal(err)
	}
	if got := all(t, db); len(got) != 1 || got[0]["gen"] != worker.Generation {
		t.Fatalf("got %v", got)
	}
}

// watched returns the database through another client, which shows every command before it is sent.
func watched(t *testing.T, db *mongo.Database, started func(command bson.Raw)) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(os.Getenv("MONGODB_URI")).SetMonitor(&driverevent.CommandMonitor{
		Started: func(_ context.Context, e *driverevent.CommandStartedEvent) { started(e.Command) },
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client.Database(db.Name())
}

func TestUndo(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	projection := audit.NewMongo(db)
	at := view.Position{Stream: stream()}
	var batch []events.Event
	for _, offset := range []int64{0, 9_999, 10_000, 10_001, 25_000, 59_999} { // compaction leaves gaps
		batch = append(batch, event(offset, "+989121234567", now()))
	}
	erased, newer := batch[4], batch[3]
	for generation, run := range map[int64][]events.Event{1: append(batch[:3:3], erased, batch[5], tombstone(60_000, erased)), 3: {newer}} {
		if err := projection.Apply(t.Context(), mongostore.Tx{DB: db, Generation: generation}, at, run); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := projection.Undo(t.Context(), mongostore.Tx{DB: db, Generation: 3, Next: 60_000}, view.Position{Stream: view.Stream{Partition: partition}}, 9_999)
	if removed != 3 || err != nil {
		t.Fatalf("removed %d, %v; want the three of generation 1 from 9999 on", removed, err)
	}
	var left []any
	for _, d := range all(t, db) {
		left = append(left, d["_id"])
	}
	want := []any{batch[0].RecordID.String(), newer.RecordID.String(), erased.RecordID.String()}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// A look-up that had to pass over the duplicates of a phone that somebody posts all day, or over its partition, would get
// slower with each of them. This one asks the server how it answers what the projection asks.
func TestOpenersAreFoundThroughTheirOwnIndex(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	var find bson.Raw
	mine := watched(t, db, func(command bson.Raw) {
		if name, _ := command.Lookup("find").StringValueOK(); name == "requests" {
			find = slices.Clone(command)
		}
	})
	v := view.Bind(mongostore.New(mine), audit.NewMongo(mine), 0)
	var log []events.Event
	for i := range int64(4000) { // one hot phone, and others
		log = append(log, event(i, fmt.Sprintf("+98912%07d", max(0, i%4-2)*i), now()))
	}
	at := apply(t, v, claim(t, v), log...)
	apply(t, v, at, event(4000, "+989120000000", now()), event(4001, "+989120000003", now()))

	if _, err := find.LookupErr("filter", "log_partition"); err == nil {
		t.Error("the filter names the partition: with half a million documents FerretDB reads all of it then")
	}
	var ask bson.D
	if err := bson.Unmarshal(find, &ask); err != nil {
		t.Fatal(err)
	}
	ask = slices.DeleteFunc(ask, func(e bson.E) bool { return strings.HasPrefix(e.Key, "$") || e.Key == "lsid" || e.Key == "maxTimeMS" })
	var explained bson.Raw
	err := db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: ask}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&explained)
	if err != nil {
		t.Fatal(err)
	}
	plan := explained.Lookup("queryPlanner").String()
	if !strings.Contains(plan, "openers") || strings.Contains(plan, "ts_-1") || strings.Contains(plan, "log_partition_1") {
		t.Fatalf("the plan is %s", plan)
	}
}

func TestMigrateMongoByTwoAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	if err := db.Collection("requests").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if err := audit.MigrateMongo(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want := []string{"_id_", "event_id_1", "ip_1_ts_-1", "log_partition_1_log_offset_1", "openers", "phone_1_ts_-1", "ts_-1"}
	if diff := cmp.Diff(want, indexNames(t, db)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// all returns the documents in the order of their log offsets, stubs last.
func all(t *testing.T, db *mongo.Database) []bson.M {
	t.Helper()
	cursor, err := db.Collection("requests").Find(t.Context(), bson.M{})
	if err != nil {
		t.Fatal(err)
	}
	var found []bson.M
	if err := cursor.All(t.Context(), &found); err != nil {
		t.Fatal(err)
	}
	sortByOffset(found)
	return found
}

func sinceDays(days int) time.Time { return now().Add(-time.Duration(days) * 24 * time.Hour) }

// Nobody comes by a hole again to replace what a worker has written there whose commit never came.
func TestASkipTakesAwayWhatAZombieWrote(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	v := view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
	log := make([]events.Event, 10)
	for i := range log {
		log[i] = event(int64(i), fmt.Sprintf("+98912123456%d", i), now())
	}
	at := apply(t, v, claim(t, v), log[:5]...)
	tx := mongostore.Tx{DB: db, Generation: at.Generation, Next: at.Next}
	if err := audit.NewMongo(db).Apply(t.Context(), tx, at, log[5:]); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Skip(t.Context(), at, view.Hole{From: 5, To: 8, Cause: "test"}); err != nil {
		t.Fatal(err)
	}
	apply(t, v, claim(t, v), log[8:]...)
	var got []int64
	for _, row := range rowsOf(t, v) {
		got = append(got, row.Offset)
	}
	if diff := cmp.Diff([]int64{0, 1, 2, 3, 4, 8, 9}, got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}
