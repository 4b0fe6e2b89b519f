//go:build faults

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

func brokerFaults() []scenario {
	return []scenario{
		{"1 leader killed", true, leaderKilled},
		{"2 follower killed", false, followerKilled},
		{"3 two of three brokers down", false, twoDown},
		{"4 all brokers killed", true, allKilled},
		{"5 rolling restart", false, rollingRestart},
		{"6 brokers frozen in turn", true, frozenInTurn},
		{"10 broker disk full", false, diskFull},
	}
}

// leaderKilled: a pause, and 202s again in less than 15 s.
func leaderKilled(r *run) {
	r.open(setup{})
	leaders, err := r.cluster.leaders(r.Context())
	r.must(err)
	victim := r.cluster.brokers[leaders[0]-1]
	theirs := led(leaders, victim.id)
	from := time.Now()
	victim.kill()
	await(r.T, "its partitions are acknowledged again", func() (bool, string) {
		return r.ackedSince(from.Add(time.Second), theirs), fmt.Sprint(theirs)
	})
	gap := r.load.longestGap(from, time.Now(), theirs...)
	r.bite(fmt.Sprintf("broker %d was gone, %s without an ack in its partitions", victim.id, round(gap)),
		gap > time.Second && count(r.load.since(from), unknown) > 0)
	r.expect("202s again in less than 15 s", atMost(gap, 15*time.Second))
	r.holds()
}

// ackedSince says whether each of these partitions has an acknowledgement of a request that began after a time.
func (r *run) ackedSince(from time.Time, partitions []int32) bool {
	acked := make(map[int32]bool)
	for _, each := range r.load.since(from) {
		if each.Outcome == acknowledged {
			acked[each.partition] = true
		}
	}
	for _, p := range partitions {
		if !acked[p] {
			return false
		}
	}
	return true
}

// followerKilled: 202s go on, once the killed one is out of the in-sync set.
func followerKilled(r *run) {
	r.open(setup{})
	leaders, err := r.cluster.leaders(r.Context())
	r.must(err)
	victim := r.cluster.brokers[leaders[0]%3] // not the leader of partition 0
	var others []int32
	for p, leader := range leaders {
		if leader != int32(victim.id) {
			others = append(others, p)
		}
	}
	from := time.Now()
	victim.kill()
	await(r.T, "the partitions that it follows are acknowledged", func() (bool, string) {
		return r.ackedSince(from.Add(time.Second), others), fmt.Sprint(others)
	})
	r.lasts(5 * time.Second)
	so, _ := r.cluster.complete(r.Context())
	gap := r.load.longestGap(from, time.Now(), others...)
	r.bite(fmt.Sprintf("replicas out of sync, %s without an ack where it follows", round(gap)), !so)
	r.expect("202s go on in less than 15 s", atMost(gap, 15*time.Second))
	r.holds()
}

// twoDown: no new 202, and 503 instead.
func twoDown(r *run) {
	r.open(setup{})
	r.cluster.brokers[0].kill()
	r.cluster.brokers[1].kill()
	from := time.Now()
	r.lasts(12 * time.Second)
	since := r.load.since(from)
	r.bite(fmt.Sprintf("%d answers of 503", count(since, unknown)+count(since, refused)), count(since, unknown) > 0)
	r.expect("no 202 from one broker", count(since, acknowledged) == 0)
	longest, _ := slowest(since)
	r.measure("slowest answer %s", round(longest))
	r.holds()
}

// allKilled: what was acknowledged is there when they are back.
func allKilled(r *run) {
	r.open(setup{})
	from := time.Now()
	for _, b := range r.cluster.brokers {
		b.kill()
	}
	r.lasts(5 * time.Second)
	r.bite(fmt.Sprintf("%d without an ack", count(r.load.since(from), unknown)), count(r.load.since(from), unknown) > 0)
	r.holds()
}

// rollingRestart: one after the other, in order, as an upgrade goes. No storm of unknowns.
func rollingRestart(r *run) {
	r.open(setup{})
	from := time.Now()
	for _, b := range r.cluster.brokers {
		r.expect(fmt.Sprintf("broker %d ends when it is asked to", b.id), b.end(time.Minute))
		so, _ := r.cluster.complete(r.Context())
		r.bite(fmt.Sprintf("broker %d was away", b.id), !so)
		r.must(b.start())
		await(r.T, "all replicas in sync", func() (bool, string) { return r.cluster.complete(r.Context()) })
	}
	since := r.load.since(from)
	r.measure("%d of %d unknown, %s at most without an ack", count(since, unknown), len(since), round(r.load.longestGap(from, time.Now())))
	r.expect("no storm: less than 5 % of the outcomes unknown", float64(count(since, unknown))*20 < slack()*float64(len(since)))
	r.holds()
}

// frozenInTurn: the second one for longer than its session with the controller lasts, so that it comes back as a leader that is
// none any more.
func frozenInTurn(r *run) {
	r.open(setup{})
	from := time.Now()
	for i, length := range []time.Duration{4 * time.Second, 14 * time.Second, 4 * time.Second} {
		b := r.cluster.brokers[i]
		b.freeze()
		r.lasts(length)
		r.expect(fmt.Sprintf("broker %d is frozen", b.id), b.isStopped())
		b.thaw()
		r.awaitAcks(20)
	}
	n := count(r.load.since(from), unknown)
	r.bite(fmt.Sprintf("%d unknown", n), n > 0)
	r.holds()
}

// tmpfs bounds the disk of a broker.
const tmpfs = 64 << 20

// diskFull: one broker's disk fills up; the other two acknowledge.
func diskFull(r *run) {
	if os.Getuid() != 0 {
		r.Skip("mounting a small file system needs root")
	}
	r.open(setup{})
	b := r.cluster.brokers[2]
	r.expect("broker 3 ends when it is asked to", b.end(time.Minute))
	defer r.moveBack(b, r.moveTo(b))
	r.must(b.start())
	await(r.T, "all replicas in sync", func() (bool, string) { return r.cluster.complete(r.Context()) })
	from := time.Now()
	r.must(fill(filepath.Join(b.logs(), "ballast"), b.logs()))
	await(r.T, "the broker runs out of space", func() (bool, string) {
		return !b.running() || b.said("No space left on device"), "it writes on"
	})
	so := within(patience, func() (bool, string) {
		good, but := r.cluster.complete(r.Context())
		return !good, "all replicas are in sync" + but
	})
	r.bite("no space left on broker 3's disk, replicas out of sync", so == "")
	r.awaitAcks(100)
	r.measure("%s at most without an ack", round(r.load.longestGap(from, time.Now())))
	b.kill()
	r.must(os.Remove(filepath.Join(b.logs(), "ballast")))
	r.must(b.start())
	await(r.T, "all replicas in sync", func() (bool, string) { return r.cluster.complete(r.Context()) })
	r.holds()
}

// moveTo puts a broker's partitions on a small file system of their own, and returns where they were.
func (r *run) moveTo(b *brokerNode) (was string) {
	r.Helper()
	was = b.logs() + ".disk"
	r.must(os.Rename(b.logs(), was))
	r.must(os.Mkdir(b.logs(), 0o700))
	r.must(syscall.Mount("tmpfs", b.logs(), "tmpfs", 0, fmt.Sprintf("size=%d", tmpfs)))
	r.must(copyAll(was, b.logs()))
	return was
}

// moveBack puts them on the large disk again.
func (r *run) moveBack(b *brokerNode, was string) {
	r.Helper()
	b.end(time.Minute)
	r.must(os.RemoveAll(was))
	r.must(os.Mkdir(was, 0o700))
	_ = os.Remove(filepath.Join(b.logs(), "ballast")) // it may be gone
	r.must(copyAll(b.logs(), was))
	r.must(syscall.Unmount(b.logs(), 0))
	r.must(os.Remove(b.logs()))
	r.must(os.Rename(was, b.logs()))
}

// copyAll copies a folder's files; Kafka's indexes are mostly holes, and stay so.
func copyAll(from, to string) error {
	if out, err := exec.Command("cp", "-a", "--sparse=always", from+"/.", to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w\n%s", from, err, out)
	}
	return nil
}

// fill leaves nothing free on a file system.
func fill(ballast, on string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(on, &fs); err != nil {
		return err
	}
	file, err := os.Create(ballast)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it is there to be large
	for free := int64(fs.Bavail) * fs.Bsize; free > 0; {
		n := min(free, 1<<20)
		if _, err := file.Write(make([]byte, n)); err != nil {
			return nil // it is full, which is what was asked for
		}
		free -= n
	}
	return nil
}
