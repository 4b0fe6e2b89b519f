package drill_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/projectors/catalog"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/view"
)

// patience is how long a sequence waits for what must happen. It is no part of any promise.
const patience = 40 * time.Second

// drill is one sequence, and the log and the stores of its own.
type drill struct {
	*testing.T
	random  *rand.Rand
	onMongo bool
	began   time.Time
	steps   []string // what was done, for whoever has to find out why

	cfg    control.Config
	client *kgo.Client
	stores *catalog.Stores
	redis  *redis.Client
	views  map[string]view.View
	system *control.System

	running []*projectors
	started int
	crashed time.Time // when the last one was killed

	phones []string
	clock  time.Time // T of the last event, or nearly
	log    [events.Partitions][]appended
	holes  []hole

	pending    map[string]uuid.UUID // by view: the plan of a swap that was not executed yet
	unfinished []order              // cut off in the middle
	dropped    map[string]bool      // views of which a version was dropped, and with it, maybe, a plan
	resets     map[spot]int64       // where a partition was last sent to with a Kafka tool
}

// spot is a partition of a view.
type spot struct {
	view      string
	partition int32
}

// appended is a record of the log, at the offset that is its place.
type appended struct {
	key       string
	phone     string // of a submission
	receipt   uuid.UUID
	tombstone bool
}

// hole is what one view was told to pass over.
type hole struct {
	view      string
	partition int32
	from, to  int64
}

func (d *drill) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// open makes a log, stores and views.
func (d *drill) open() {
	d.Helper()
	log := opstest.EmptyLog(d, kfake.GroupMinSessionTimeout(session/10))
	d.client = log.Client
	d.cfg = control.Config{
		Brokers: log.Brokers, Dev: true, Who: "drill",
		URLs: catalog.URLs{Database: opstest.Database(d), Redis: opstest.Redis(d)},
	}
	if d.onMongo {
		u, err := url.Parse(os.Getenv("MONGODB_URI"))
		d.must(err)
		u.Path = "/" + mongotest.New(d.T).Name()
		d.cfg.URLs.Mongo = u.String()
	}
	d.system = d.newSystem(d.cfg)
	log.MakeTopics()
	if d.onMongo { // where tables are indexes
		_, err := d.system.Init(d.Context(), nil)
		d.must(err)
	}
	d.openViews()
	d.pending, d.dropped = make(map[string]uuid.UUID), make(map[string]bool)
	d.resets = make(map[spot]int64)
	d.clock = time.Now().Add(-100 * time.Hour)
	for len(d.phones) < 6 { // in a few partitions, so that something happens there
		if phone := fmt.Sprintf("0912%07d", d.random.IntN(10_000_000)); events.PartitionOf(phone)%4 == 0 {
			d.phones = append(d.phones, phone)
		}
	}
}

func (d *drill) openViews() {
	d.Helper()
	d.stores = &catalog.Stores{URLs: d.cfg.URLs, Application: "leadlog-test"}
	d.Cleanup(d.stores.Close)
	d.views = make(map[string]view.View)
	for _, entry := range catalog.All() {
		v, err := entry.Open(d.Context(), d.stores)
		d.must(err)
		d.views[entry.Name] = v
	}
	var err error
	d.redis, err = d.stores.Redis()
	d.must(err)
}

func (d *drill) newSystem(cfg control.Config) *control.System {
	d.Helper()
	system, err := control.Open(cfg)
	d.must(err)
	d.Cleanup(system.Close)
	return system
}

// await waits until a condition holds, and says what did not.
func (d *drill) await(what string, holds func() (so bool, but string)) {
	d.Helper()
	if but := d.within(patience, holds); but != "" {
		d.Fatalf("still not so: %s: %s", what, but)
	}
}

// within gives a condition some time, and returns what was in its way.
func (d *drill) within(limit time.Duration, holds func() (so bool, but string)) string {
	d.Helper()
	end := time.After(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		so, but := holds()
		if so {
			return ""
		}
		select {
		case <-tick.C:
		case <-end:
			return but
		}
	}
}

// positions returns what a view has stored, by partition.
func (d *drill) positions(name string) []view.Position {
	d.Helper()
	positions, err := d.views[name].Positions(d.Context(), events.Topic)
	d.must(err)
	return positions
}

// position returns what a view has stored of a partition.
func (d *drill) position(name string, partition int32) view.Position {
	d.Helper()
	positions := d.positions(name)
	i := slices.IndexFunc(positions, func(at view.Position) bool { return at.Partition == partition })
	if i < 0 {
		d.Fatalf("%s has no position of partition %d", name, partition)
	}
	return positions[i]
}

// awaitPositions waits until every view has begun.
func (d *drill) awaitPositions() {
	d.Helper()
	d.await("every view has its positions", func() (bool, string) {
		for name := range d.views {
			if n := len(d.positions(name)); n < events.Partitions {
				return false, fmt.Sprintf("%s has %d", name, n)
			}
		}
		return true, ""
	})
}

func (d *drill) admin() *kadm.Client { return kadm.NewClient(d.client) }
