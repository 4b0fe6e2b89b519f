package audit_test

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

// Interleaving 13 for one view: no document may expire before all partitions have caught up with the log.
func TestExpiryIndexComesLast(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	store, projection := mongostore.New(db), audit.NewMongo(db)
	keep := func(want bool, live ...int32) {
		t.Helper()
		if err := projection.Keep(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(indexNames(t, db), "expiry"); got != want {
			t.Fatalf("with %v live the TTL index is there: %v, want %v", live, got, want)
		}
	}
	keep(false, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) // of no position
	for p := range int32(events.Partitions) {
		s := stream()
		s.Partition = p
		if err := store.Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}}); err != nil {
			t.Fatal(err)
		}
	}
	keep(false)
	keep(false, 0, 1, 2, 3, 4, 5)
	keep(false, 6, 7, 8, 9, 10)
	keep(true, 11) // another process had the rest
	keep(true, 3)
	if after := expiresAfter(t, db); after != 7776000 {
		t.Fatalf("documents expire after %d s, want 90 days", after)
	}

	// A partition falls back: the index goes before the first old batch is judged, and comes back after it.
	v := view.Bind(store, projection, 0)
	at := apply(t, v, claim(t, v), event(0, "+989121234567", sinceDays(80)))
	keep(true, 4)
	opener := event(1, "+989121234568", sinceDays(100))
	duplicate := event(2, "+989121234568", sinceDays(100))
	at = apply(t, v, at, opener)
	keep(false, 0, 1, 2, 4)
	apply(t, v, at, duplicate)
	keep(true, partition)
}

func TestExpiryIndexByTwoAtOnce(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	for p := range int32(events.Partitions) {
		s := stream()
		s.Partition = p
		if err := mongostore.New(db).Create(t.Context(), view.Position{Stream: s, Mark: view.Mark{Epoch: -1}}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for _, live := range [][]int32{{0, 1, 2, 3, 4, 5}, {6, 7, 8, 9, 10, 11}, {11}} {
		group.Go(func() {
			if err := audit.NewMongo(db).Keep(t.Context(), live); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if !slices.Contains(indexNames(t, db), "expiry") {
		t.Fatal("none of them made the TTL index")
	}
}

func indexNames(t *testing.T, db *mongo.Database) []string {
	t.Helper()
	specs, err := db.Collection("requests").Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	slices.Sort(names)
	return names
}

func expiresAfter(t *testing.T, db *mongo.Database) int32 {
	t.Helper()
	specs, err := db.Collection("requests").Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range specs {
		if s.Name == "expiry" && s.ExpireAfterSeconds != nil {
			return *s.ExpireAfterSeconds
		}
	}
	return 0
}

func sortByOffset(documents []bson.M) {
	offset := func(d bson.M) int64 {
		if o, ok := d["log_offset"].(int64); ok {
			return o
		}
		return math.MaxInt64
	}
	slices.SortFunc(documents, func(a, b bson.M) int { return cmp.Compare(offset(a), offset(b)) })
}
