//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"
)

func randomFaults() []scenario {
	return []scenario{{"random faults", true, randomly}}
}

// act is one fault of a schedule: what is done to whom, when, and for how long.
type act struct {
	at, until time.Duration
	target    string
	how       string
}

func (a act) String() string {
	return fmt.Sprintf("%6.1fs %-12s %s for %.1fs", a.at.Seconds(), a.target, a.how, (a.until - a.at).Seconds())
}

// targets are who may be hit.
func targets() []string {
	return []string{
		"broker-1", "broker-2", "broker-3", "edge-1", "edge-2", "projectors-1", "projectors-2", "postgres", "redis", "mongo",
	}
}

// schedule draws faults that overlap, but for those of one target. It is made of its seed and its length alone.
func schedule(random *rand.Rand, length time.Duration) (acts []act) {
	busy := make(map[string]time.Duration)
	for at := time.Second; at < length; at += time.Duration(500+random.IntN(4000)) * time.Millisecond {
		a := act{at: at, target: targets()[random.IntN(len(targets()))], how: []string{"kill", "freeze", "restart"}[random.IntN(3)]}
		a.until = at + time.Duration(500+random.IntN(12_000))*time.Millisecond
		if at < busy[a.target] {
			continue
		}
		busy[a.target] = a.until + 5*time.Second
		acts = append(acts, a)
	}
	return acts
}

// randomly has more than one thing broken at a time, and everything broken at some time.
func randomly(r *run) {
	r.open(setup{})
	r.watch.allow("dedup") // a killed Redis has what the last write of its file has
	acts := schedule(rand.New(rand.NewPCG(seed(), 1)), minutes())
	r.Cleanup(func() {
		if r.Failed() {
			var lines []string
			for _, a := range acts {
				lines = append(lines, a.String())
			}
			r.Logf("schedule of seed %d, %s:\n%s", seed(), minutes(), strings.Join(lines, "\n"))
		}
	})
	began := time.Now()
	type step struct {
		at   time.Duration
		act  act
		undo bool
	}
	var steps []step
	for _, a := range acts {
		steps = append(steps, step{a.at, a, false}, step{a.until, a, true})
	}
	for len(steps) > 0 {
		first := 0
		for i, s := range steps {
			if s.at < steps[first].at {
				first = i
			}
		}
		s := steps[first]
		steps = append(steps[:first:first], steps[first+1:]...)
		r.lasts(s.at - time.Since(began))
		if s.undo {
			r.undo(s.act)
		} else {
			r.do(s.act)
		}
	}
	all := r.load.since(r.load.began)
	r.bite(fmt.Sprintf("%d faults within %s, seed %d, %d unknown", len(acts), minutes(), seed(), count(all, unknown)),
		len(acts) > 5 && count(all, unknown) > 0)
	r.holds()
}

// processOf returns the process that a target is now.
func (r *run) processOf(target string) *process {
	kind, number, _ := strings.Cut(target, "-")
	i := int(number[0]-'0') - 1
	switch kind {
	case "broker":
		return r.cluster.brokers[i].process
	case "edge":
		return r.edges[i].process
	}
	return r.projs[i]
}

// do begins a fault. A restart is an orderly end first.
func (r *run) do(a act) {
	r.Helper()
	switch a.target {
	case "postgres":
		if a.how == "freeze" {
			r.must(r.postgres.freeze())
			return
		}
		r.must(r.postgres.kill(r.Context()))
		return
	case "redis":
		hit(r.redis.process, a.how)
	case "mongo":
		hit(r.mongo.process, a.how)
	default:
		hit(r.processOf(a.target), a.how)
	}
}

func hit(p *process, how string) {
	switch how {
	case "kill":
		p.kill()
	case "freeze":
		p.freeze()
	case "restart":
		p.signal(syscall.SIGTERM)
	}
}

// undo ends a fault.
func (r *run) undo(a act) {
	r.Helper()
	switch kind, number, _ := strings.Cut(a.target, "-"); kind {
	case "postgres":
		r.postgres.thaw()
		if !r.postgres.running() {
			r.must(r.postgres.start(r.Context()))
		}
	case "redis":
		r.must(back(r.redis.process, r.redis.start))
	case "mongo":
		r.must(back(r.mongo.process, r.mongo.start))
	case "broker":
		b := r.cluster.brokers[number[0]-'1']
		r.must(back(b.process, b.start))
	case "edge":
		e := r.edges[number[0]-'1']
		r.must(back(e.process, func() error { r.again(e); return nil }))
	case "projectors":
		i := number[0] - '1'
		p := r.projs[i]
		r.must(back(p, func() (err error) {
			r.projs[i], err = spawn(p.name, p.log, p.cmd.Env, p.cmd.Path)
			return err
		}))
	}
}

// back thaws a process, or starts it again once it has ended.
func back(p *process, start func() error) error {
	if p.frozen {
		p.thaw()
		return nil
	}
	select { // a restart's orderly end may take longer than the fault
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.kill()
	}
	return start()
}
