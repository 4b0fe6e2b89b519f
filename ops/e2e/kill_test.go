package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/opstest"
	"leadlog/projectors/failpoint"
)

// killCase kills a program at a place, and has the same command, or the projectors, finish what it was doing.
type killCase struct {
	at   string
	with func(m *mortals, at string)
}

// killCases has at least one for every place.
func killCases() []killCase {
	var cases []killCase
	add := func(with func(*mortals, string), places ...string) {
		for _, at := range places {
			cases = append(cases, killCase{at, with})
		}
	}
	add(killApply, "batch in hand", "pgstore commit applied", "pgstore commit moved", "mongostore commit applied", "mongostore commit moved",
		"redisstore commit collected", "redisstore commit moved")
	add(killRewind("leads"), "pgstore rewind locked", "pgstore rewind undone", "pgstore rewind moved",
		"rewind checked", "rewind begun", "rewind partition done", "rewind done")
	add(killRewind("audit"), "mongostore rewind held", "audit undo step", "mongostore rewind undone", "mongostore rewind live")
	add(killRewind("dedup"), "redisstore rewind collected", "redisstore rewind moved")
	add(leaveRewind, "mongostore rewind held", "audit undo step", "mongostore rewind undone", "mongostore rewind live")
	add(killPause("leads"), "pgstore hold moved")
	add(killPause("audit"), "mongostore hold moved")
	add(killPause("dedup"), "redisstore hold moved")
	add(killSkip("leads"), "pgstore skip stored", "pgstore skip moved")
	add(killSkip("audit"), "mongostore skip moved", "mongostore skip undone", "mongostore skip kept")
	add(killSkip("dedup"), "redisstore skip moved")
	add(killAdopt, "pgstore adopt moved", "mongostore adopt moved", "redisstore adopt moved", "adopt partition done")
	add(killSwap("leads"), "swap approached", "swap catching up", "pgstore swap locked", "pgstore swap repointed", "swap done")
	add(killSwap("audit"), "audit swap frozen", "audit swap carried on", "audit swap renamed", "audit swap thawed")
	add(killFinish, "swap finish")
	add(killDrop, "drop begun")
	return cases
}

// Killed with kill -9 at any step of anything, and finished: the views are what the log says.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	bin := buildMortals(t)
	var all errgroup.Group // and not t.Parallel, which runs as many as there are processors: these mostly wait
	all.SetLimit(8)
	for i, c := range killCases() {
		all.Go(func() error {
			t.Run(fmt.Sprintf("%s %d", c.at, i), func(t *testing.T) {
				onMongo := strings.HasPrefix(c.at, "mongostore") || strings.HasPrefix(c.at, "audit") || c.at == "swap finish"
				if onMongo && os.Getenv("MONGODB_URI") == "" {
					t.Skip("MONGODB_URI is not set")
				}
				c.with(newMortals(t, bin, onMongo), c.at)
			})
			return nil
		})
	}
	_ = all.Wait() // each has reported itself
}

func TestEveryPlaceIsDiedAt(t *testing.T) {
	t.Parallel()
	died := make(map[string]bool)
	for _, c := range killCases() {
		died[c.at] = true
	}
	for _, name := range failpoint.Names() {
		if !died[name] {
			t.Errorf("nobody dies at %q: it needs a case in killCases", name)
		}
		delete(died, name)
	}
	for name := range died {
		t.Errorf("there is no place %q", name)
	}
}

// killApply kills the projectors while they apply.
func killApply(m *mortals, at string) {
	m.dies(at, "projectors", "--private-listen", freePort(m.T))
	m.projectors()
	m.clean(nil)
}

// killVerb kills a command at a place, and runs it once more.
func (m *mortals) killVerb(at string, args ...string) {
	m.Helper()
	m.dies(at, "ops", args...)
	m.ops(args...)
}

func killRewind(view string) func(*mortals, string) {
	return func(m *mortals, at string) {
		m.projectors()
		m.awaitApplied()
		execute := m.plan("rewind", view, "--to-earliest")
		m.killVerb(at, execute...)
		m.clean(execute)
	}
}

// leaveRewind leaves what a rewind had begun to the projectors.
func leaveRewind(m *mortals, at string) {
	stop := m.projectors()
	m.awaitApplied()
	stop()
	execute := m.plan("rewind", "audit", "--to-earliest", "--topic", events.Topic+":"+fmt.Sprint(m.records[0].Partition))
	m.dies(at, "ops", execute...)
	m.projectors()
	opstest.Await(m.T, "the projectors have finished the rewind", func() bool { // until then the position has not moved
		return !slices.ContainsFunc(m.system.Status(m.Context()).Views, func(v control.ViewStatus) bool { return v.Err != nil || len(v.Held) > 0 })
	})
	m.clean(nil)
}

func killPause(view string) func(*mortals, string) {
	return func(m *mortals, at string) {
		m.projectors()
		m.awaitApplied()
		m.killVerb(at, "pause", view, "--reason", "a test")
		m.append(5)
		m.killVerb(at, "resume", view, "--reason", "a test")
		m.clean(nil)
	}
}

func killSkip(view string) func(*mortals, string) {
	return func(m *mortals, at string) {
		m.projectors()
		m.awaitApplied()
		topic := events.Topic + ":" + fmt.Sprint(m.records[0].Partition)
		m.ops("pause", view, "--topic", topic, "--reason", "a test")
		m.append(15)
		execute := m.plan("skip", view, "--topic", topic, "--to-offset", fmt.Sprint(m.last(m.records[0].Partition)+1))
		m.killVerb(at, execute...)
		m.ops("resume", view, "--topic", topic, "--reason", "a test")
		m.clean(execute)
	}
}

// last is the offset of the last record of a partition.
func (m *mortals) last(partition int32) (offset int64) {
	for _, r := range m.records {
		if r.Partition == partition {
			offset = r.Offset
		}
	}
	return offset
}

func killAdopt(m *mortals, at string) {
	stop := m.projectors()
	m.awaitApplied()
	stop()
	m.restore()
	execute := m.plan("adopt")
	m.killVerb(at, execute...)
	m.projectors()
	m.append(10)
	m.clean(execute)
}

func killSwap(view string) func(*mortals, string) {
	return func(m *mortals, at string) {
		m.projectors()
		m.awaitApplied()
		execute := m.plan("rebuild", view)
		m.append(10)
		m.killVerb(at, execute...)
		m.append(10)
		m.clean(execute)
	}
}

// killFinish kills a swap in the middle, and once more where it is taken up.
func killFinish(m *mortals, at string) {
	m.projectors()
	m.awaitApplied()
	execute := m.plan("rebuild", "audit")
	m.dies("audit swap carried on", "ops", execute...)
	m.killVerb(at, execute...)
	m.append(10)
	m.clean(execute)
}

func killDrop(m *mortals, at string) {
	m.projectors()
	m.awaitApplied()
	m.ops(m.plan("rebuild", "leads")...)
	execute := m.plan("drop", "leads")
	m.killVerb(at, execute...)
	m.clean(execute)
}
