package e2e

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/projectors/audit"
	"leadlog/projectors/catalog"
	"leadlog/projectors/mongostore/mongotest"
)

// An opener that is older than the audit log's 90 days, and its duplicate that is not: a rebuild judges the duplicate by it,
// however often documents expire before it gets there.
func TestInterleaving13_AnOpenerExpiresDuringAnAuditRebuild(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"PostgreSQL", "MongoDB"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newAging(t, store == "MongoDB")
			stop := w.project()
			opener := w.submit(90*24*time.Hour + 12*time.Hour)
			w.awaitApplied()
			w.rebuild(func() {}) // comes as far as the opener, and is not swapped in
			duplicate := w.submit(89*24*time.Hour + 20*time.Hour)
			w.awaitApplied()
			stop()

			expired := w.expireAlways()
			release := w.holdRecords()
			looks := 0
			built := w.rebuild(func() {
				if looks++; looks == 10 { // the first upkeep was in the first moment
					w.expect("between the two, in the new version", w.draft(), map[string]bool{opener: false})
					release()
				}
			})
			_, err := w.system.SwapIn(t.Context(), audit.Name, built.Plan, "a test", func(control.Rebuilding) {})
			w.must(err)
			w.expect("swapped in", "requests", map[string]bool{opener: false, duplicate: true})
			w.expireNow()
			expired()
			w.expect("once all is caught up", "requests", map[string]bool{duplicate: true})
			report, err := w.system.Verify(t.Context(), control.Verification{Views: []string{audit.Name}})
			if err != nil || !report.Clean() {
				t.Errorf("verify: %+v, %v", report, err)
			}
		})
	}
}

// aging is a log whose records have the times that the test says, and a store of the audit log.
type aging struct {
	*mortals

	fake *kfake.Cluster
	cfg  control.Config
	pool *pgxpool.Pool
	db   *mongo.Database // nil: the audit log is in PostgreSQL
}

func newAging(t *testing.T, onMongo bool) *aging {
	t.Helper()
	w := &aging{mortals: &mortals{T: t}}
	if onMongo {
		w.db = mongotest.New(t)
		w.cfg.URLs.Mongo = withPath(t, os.Getenv("MONGODB_URI"), w.db.Name())
	}
	log := opstest.EmptyLog(t)
	w.fake, w.client = log.Fake, log.Client
	w.cfg.Brokers, w.cfg.Dev, w.cfg.URLs.Database = log.Brokers, true, opstest.Database(t)
	var err error
	w.pool, err = pgxpool.New(t.Context(), w.cfg.URLs.Database)
	w.must(err)
	t.Cleanup(w.pool.Close)
	w.system, err = control.Open(w.cfg)
	w.must(err)
	t.Cleanup(w.system.Close)
	log.MakeTopics()
	if onMongo { // where tables are indexes
		_, err = w.system.Init(t.Context(), nil)
		w.must(err)
	}
	return w
}

// submit appends a submission of one and the same phone as it was made a while ago, and returns its record's key.
func (w *aging) submit(age time.Duration) (key string) {
	w.Helper()
	id, at := uuid.Must(uuid.NewV7()), time.Now().Add(-age)
	record, err := events.Encode(&events.Event{
		RecordID: id, EventID: id, Claimed: at, Source: "test",
		Submission: events.Submission{Phone: "+989121234567", IP: "192.0.2.1", Path: "/"},
	})
	w.must(err)
	out := broker.ToKafka(events.Topic, &record)
	out.Timestamp = at
	w.must(w.client.ProduceSync(w.Context(), out).FirstErr())
	return id.String()
}

// project fills the views until the returned function, or the end of the test.
func (w *aging) project() (stop func()) {
	w.Helper()
	var names []string
	for _, entry := range w.system.Entries() {
		names = append(names, entry.Name)
	}
	return opstest.Project(w.T, w.cfg, names...)
}

// rebuild builds a version of the audit log. look is called with each look at how far it is.
func (w *aging) rebuild(look func()) control.Rebuilt {
	w.Helper()
	built, err := w.system.Rebuild(w.Context(), audit.Name, func(r control.Rebuilding) {
		if r.Phase == control.Building {
			look()
		}
	})
	if err != nil || built.Plan == uuid.Nil {
		w.Fatalf("rebuild: %+v, %v", built, err)
	}
	return built
}

// holdRecords lets nobody fetch anything until the returned function.
func (w *aging) holdRecords() (release func()) {
	released := make(chan struct{})
	w.fake.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-released:
			w.fake.DropControl()
		default:
			w.fake.SleepControl(func() {
				select {
				case <-released:
				case <-w.Context().Done():
				}
			})
		}
		return nil, nil, false
	})
	return sync.OnceFunc(func() { close(released) })
}

// expireAlways removes, again and again, what TTL indexes of MongoDB cover: a server may do so at any moment. In PostgreSQL
// the projectors and the rebuild do that themselves.
func (w *aging) expireAlways() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for w.db != nil && ctx.Err() == nil {
			w.expireOnce(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	w.Cleanup(stop)
	return stop
}

// expireOnce ignores errors: the collection may be taking another's name.
func (w *aging) expireOnce(ctx context.Context) {
	names, _ := w.db.ListCollectionNames(ctx, bson.M{"name": bson.M{"$regex": "^requests"}})
	for _, name := range names {
		specs, _ := w.db.Collection(name).Indexes().ListSpecifications(ctx)
		for _, s := range specs {
			if s.ExpireAfterSeconds != nil {
				limit := time.Now().Add(-time.Duration(*s.ExpireAfterSeconds) * time.Second)
				_, _ = w.db.Collection(name).DeleteMany(ctx, bson.M{"ts": bson.M{"$lt": limit}})
			}
		}
	}
}

// expireNow is the upkeep of a view that has caught up everywhere.
func (w *aging) expireNow() {
	w.Helper()
	stores := &catalog.Stores{URLs: w.cfg.URLs, Application: "leadlog-e2e", Connections: 2}
	defer stores.Close()
	entries := w.system.Entries()
	entry := entries[slices.IndexFunc(entries, func(e catalog.Entry) bool { return e.Name == audit.Name })]
	v, err := entry.Open(w.Context(), stores)
	w.must(err)
	all := make([]int32, events.Partitions)
	for p := range all {
		all[p] = int32(p)
	}
	w.must(v.Keep(w.Context(), all))
	if w.db != nil {
		w.expireOnce(w.Context())
	}
}

// draft is where the documents of the second version are.
func (w *aging) draft() string {
	if w.db != nil {
		return audit.DraftCollection(2)
	}
	return "audit_v2.requests"
}

// expect compares documents: by id, whether each is a duplicate.
func (w *aging) expect(when, where string, want map[string]bool) {
	w.Helper()
	got := w.documents(where)
	for id, duplicate := range got {
		if is, wanted := want[id]; !wanted || is != duplicate {
			w.Errorf("%s: document %s with duplicate: %v", when, id, duplicate)
		}
	}
	for id := range want {
		if _, there := got[id]; !there {
			w.Errorf("%s: document %s is gone", when, id)
		}
	}
}

func (w *aging) documents(where string) map[string]bool {
	w.Helper()
	type document struct {
		ID        string `bson:"_id"`
		Duplicate bool   `bson:"duplicate"`
	}
	var found []document
	if w.db != nil {
		cursor, err := w.db.Collection(where).Find(w.Context(), bson.M{})
		w.must(err)
		w.must(cursor.All(w.Context(), &found))
	} else {
		rows, err := w.pool.Query(w.Context(), `select id::text, (doc->>'duplicate')::bool from `+pgx.Identifier(strings.Split(where, ".")).Sanitize())
		w.must(err)
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[document])
		w.must(err)
	}
	documents := make(map[string]bool)
	for _, d := range found {
		documents[d.ID] = d.Duplicate
	}
	return documents
}
