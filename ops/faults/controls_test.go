//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"leadlog/events"
)

// controls are builds that are wrong on purpose. Each is run through a scenario made to show its mistake, and so is the build that
// ships: the checker must find the one, every time, and nothing in the other.
func controls() []scenario {
	var all []scenario
	for _, c := range []struct {
		name  string
		wrong build
		found []kind // one of these at least
		run   func(r *run, of build)
	}{
		{"acks=1", wrongAcks(), []kind{lost}, fromOneBroker},
		{"202 before the ack", wrongAnswer(), []kind{lost}, fromNoBroker},
		{"position before the write", wrongOrder(), []kind{missing}, diesBetween},
		{"no fence", wrongFence(), []kind{wentBack}, comesBack},
	} {
		right := shipped()
		if slices.Contains([]string{"projectors"}, c.wrong.programs) {
			right = failpoints()
		}
		all = append(all, scenario{"control " + c.name + ": the right build", true, func(r *run) {
			c.run(r, right)
			r.holds()
		}}, scenario{"control " + c.name + ": the wrong build", true, func(r *run) {
			c.run(r, c.wrong)
			r.isCaught(c.found)
		}})
	}
	return all
}

// isCaught heals and checks, and fails when the checker does not find what is wrong.
func (r *run) isCaught(kinds []kind) {
	r.Helper()
	r.lagPatience = 15 * time.Second // it may lag for ever
	r.heal()
	v := r.check()
	if v.count(kinds...) == 0 {
		r.Errorf("the checker does not see that this build is wrong; it says: %q", v.String())
		return
	}
	r.measure("caught: %s", strings.ReplaceAll(v.String(), "\n", ", "))
	r.Logf("caught:\n%s", v)
}

// fromOneBroker: two brokers are frozen, and the third one dies with what it alone has acknowledged. The right build acknowledges
// nothing then.
func fromOneBroker(r *run, of build) {
	r.open(setup{edge: of, quiet: true})
	leaders, err := r.cluster.leaders(r.Context())
	r.must(err)
	only := r.cluster.brokers[leaders[0]-1]
	phones := r.phonesIn(led(leaders, only.id), 60)
	r.acknowledge(phones[:10])
	for _, b := range r.cluster.brokers {
		if b != only {
			b.freeze()
		}
	}
	// What a frozen follower had asked for before comes to it yet, when it thaws: replica.fetch.wait.max.ms, and as much again.
	r.lasts(time.Second)
	got := r.post(phones[10:])
	r.bite(fmt.Sprintf("%d acknowledged by one broker, %d unknown", count(got, acknowledged), count(got, unknown)),
		count(got, acknowledged)+count(got, unknown) == len(got))
	only.kill()
	for _, b := range r.cluster.brokers {
		if b != only {
			b.thaw()
		}
	}
	await(r.T, "another one leads", func() (bool, string) {
		now, err := r.cluster.leaders(r.Context())
		return err == nil && len(led(now, only.id)) == 0 && len(led(now, -1)) == 0, fmt.Sprint(now, err)
	})
	r.finishQuiet()
}

// fromNoBroker: all brokers are frozen, and the edge dies with what it has answered. The right build answers nothing then.
func fromNoBroker(r *run, of build) {
	r.open(setup{edge: of, quiet: true})
	phones := r.phonesIn(nil, 300)
	r.acknowledge(phones[:10])
	for _, b := range r.cluster.brokers {
		b.freeze()
	}
	got := r.post(phones[10:])
	r.bite(fmt.Sprintf("%d acknowledged by nobody, %d unknown", count(got, acknowledged), count(got, unknown)),
		count(got, acknowledged)+count(got, unknown) == len(got))
	for _, e := range r.edges {
		e.kill()
	}
	for _, b := range r.cluster.brokers {
		b.thaw()
	}
	await(r.T, "the brokers are whole", func() (bool, string) { return r.cluster.complete(r.Context()) })
	for _, e := range r.edges {
		r.again(e)
		await(r.T, e.name+" is ready", func() (bool, string) { return get(e.url+"/readyz") == http.StatusOK, e.url })
	}
	r.finishQuiet()
}

// diesBetween: projectors die between the two steps of a change of the audit log in MongoDB, and others go on from there.
func diesBetween(r *run, of build) {
	r.open(setup{quiet: true})
	victim := r.startProjectors(of, "mongostore commit applied:10")
	phones := r.phonesIn(nil, 200)
	for len(phones) > 20 && victim.running() {
		r.acknowledge(phones[:10])
		phones = phones[10:]
	}
	await(r.T, "it dies between the two", func() (bool, string) { return !victim.running(), "" })
	r.bite("died between effect and position", victim.killed())
	r.finishQuiet()
}

// comesBack: a projector is frozen with a batch in its hands, for longer than its session in the group. Another one goes on. Then it
// thaws: whatever it holds is no longer its to apply.
func comesBack(r *run, of build) {
	r.open(setup{quiet: true})
	phones := r.phonesIn([]int32{7}, 12)
	zombie := r.startProjectorsVia(r.cluster.proxied(), of, "batch in hand:2:freeze", "leads")
	await(r.T, "it has begun", func() (bool, string) {
		at, err := r.views.leadsPositions(r.Context())
		return len(at) == partitions, fmt.Sprint(at, err)
	})
	r.acknowledge(phones[:1])
	await(r.T, "the first one is applied", func() (bool, string) { return r.leadsAt(7, 1) })
	r.acknowledge(phones[:1]) // a duplicate: what the zombie holds makes no row, so no constraint of the table stops it
	await(r.T, "it freezes", func() (bool, string) { return zombie.isStopped(), zombie.stat("State:") })
	// Nothing of the brokers' reaches it any more, or it might be told that it is no member before it has written.
	r.must(r.network.poison("timeout", `{"timeout":0}`))
	r.startProjectors(shipped(), "")
	await(r.T, "another one has gone on", func() (bool, string) { return r.leadsAt(7, 2) })
	r.acknowledge(phones[2:])
	await(r.T, "and on, before the eyes of the watch", func() (bool, string) {
		seen := r.watch.at("leads")[7]
		return seen == 12, fmt.Sprint(seen)
	})
	r.bite("frozen for longer than its session, with a batch in its hands", zombie.isStopped())
	zombie.thaw()
	await(r.T, "the zombie is refused, or has its way", func() (bool, string) {
		at, err := r.views.leadsPositions(r.Context())
		return at[7] != 12 || fencedOnce.MatchString(text("http://"+privateOf(zombie)+"/metrics")), fmt.Sprint(at, err)
	})
	r.must(r.network.mend(r.Context()))
	r.finishQuiet()
}

var fencedOnce = regexp.MustCompile(`leadlog_fenced_total\{projection="leads"\} [1-9]`)

func (r *run) leadsAt(partition int32, next int64) (so bool, but string) {
	at, err := r.views.leadsPositions(r.Context())
	return at[partition] == next, fmt.Sprint(at[partition], err)
}

// phonesIn makes phones of these partitions, or of any.
func (r *run) phonesIn(partitions []int32, n int) (phones []string) {
	for len(phones) < n {
		phone := fmt.Sprintf("+989%09d", r.random.IntN(1_000_000_000))
		if len(partitions) == 0 || slices.Contains(partitions, events.PartitionOf(phone)) {
			phones = append(phones, phone)
		}
	}
	return phones
}

// post posts phones, all at once, to the edges in turn, and returns what became of them.
func (r *run) post(phones []string) []receipt {
	from := time.Now()
	var all sync.WaitGroup
	for i, phone := range phones {
		r.load.mu.Lock()
		key := fmt.Sprintf("%016x%016x", r.random.Uint64(), r.random.Uint64())
		r.load.mu.Unlock()
		edge := i % len(r.edges)
		all.Go(func() { r.load.send(phone, key, edge, r.edges[edge].url) })
	}
	all.Wait()
	await(r.T, "the answers are on the disk", func() (bool, string) { return len(r.load.since(from)) == len(phones), "" })
	return r.load.since(from)
}

// acknowledge posts phones that must be acknowledged.
func (r *run) acknowledge(phones []string) {
	r.Helper()
	for _, each := range r.post(phones) {
		if each.Outcome != acknowledged {
			r.Fatalf("not acknowledged: %+v", each)
		}
	}
}

// finishQuiet ends the load of a scenario that posts by itself, with five new acks.
func (r *run) finishQuiet() {
	r.Helper()
	end := time.Now().Add(patience)
	for acks := 0; acks < 5 && time.Now().Before(end); {
		acks += count(r.post(r.phonesIn(nil, 5)), acknowledged)
	}
	r.must(r.load.end())
}
