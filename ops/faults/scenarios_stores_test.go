//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"leadlog/ops/stack/localpg"
)

func storeFaults() []scenario {
	return []scenario{
		{"15 postgres killed", true, postgresKilled},
		{"15 postgres disk full", false, postgresFull},
		{"16 redis killed and flushed", true, redisKilled},
		{"17 mongo frozen", true, mongoFrozen},
	}
}

// postgresKilled: the edge does not notice, leads lag, and then catch up.
func postgresKilled(r *run) {
	r.open(setup{})
	from := time.Now()
	r.must(r.postgres.kill(r.Context()))
	r.lasts(8 * time.Second)
	_, err := r.views.leadsPositions(r.Context())
	r.bite("the leads can't be read", err != nil)
	r.takesLeads(from)
	r.expect("the other views go on", r.atLeast("audit", from.Add(3*time.Second)) && r.atLeast("dedup", from.Add(3*time.Second)))
	r.measure("%s at most without an ack", round(r.load.longestGap(from, time.Now())))
	r.holds()
}

// atLeast says whether a view has applied what was acknowledged before a time.
func (r *run) atLeast(view string, before time.Time) bool {
	acked := make(map[string]bool)
	for _, each := range r.load.since(r.load.began) {
		if each.Outcome == acknowledged && each.Began.Add(each.Took).Before(before) {
			acked[each.ID] = true
		}
	}
	log, err := r.cluster.readLog(r.Context())
	if err != nil {
		return false
	}
	at := r.watch.at(view)
	for _, e := range log {
		if acked[e.id] && e.offset >= at[e.partition] {
			return false
		}
	}
	return true
}

// postgresFull: a disk without room is lag, and nothing else.
func postgresFull(r *run) {
	if os.Getuid() != 0 {
		r.Skip("mounting a small file system needs root")
	}
	disk := filepath.Join(r.world.dir, "disk")
	r.must(os.Mkdir(disk, 0o755))
	r.must(syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=192m"))
	r.Cleanup(func() { r.unmount(disk) })
	server, err := newPostgres(filepath.Join(disk, "postgres"))
	r.must(err)
	r.must(server.start(r.Context()))
	r.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.close(ctx); err != nil {
			r.Error(err)
		}
	})
	r.open(setup{postgres: server})
	from := time.Now()
	ballast := filepath.Join(disk, "ballast")
	r.must(fill(ballast, disk))
	await(r.T, "leads stop, for want of space", func() (bool, string) { return r.saidByProjectors("space"), "they go on" })
	r.lasts(5 * time.Second)
	r.bite("no space left for the leads", true)
	r.takesLeads(from)
	r.must(os.Remove(ballast))
	if !server.running() {
		r.measure("PostgreSQL ended, and was started again")
		if err := server.close(r.Context()); err != nil && !errors.Is(err, localpg.ErrInUse) {
			r.must(err)
		}
		r.must(server.start(r.Context()))
	}
	r.holds()
}

// saidByProjectors says whether a projector's log holds a word.
func (r *run) saidByProjectors(word string) bool {
	for _, p := range r.projs {
		if p.said(word) {
			return true
		}
	}
	return false
}

func (r *run) unmount(dir string) {
	if err := syscall.Unmount(dir, 0); err != nil {
		r.Errorf("unmount %s: %v", dir, err)
	}
}

// redisKilled: the edge takes leads without it, and when all of it is flushed, the view comes back from the log.
func redisKilled(r *run) {
	r.open(setup{})
	r.watch.allow("dedup")
	from := time.Now()
	r.redis.kill()
	r.lasts(5 * time.Second)
	gone := r.views.redis.Ping(r.Context()).Err()
	r.bite("redis does not answer", gone != nil)
	r.takesLeads(from)
	r.must(r.redis.start())
	await(r.T, "redis answers", func() (bool, string) { return redisAnswers(r.Context(), r.views.redis), "" })
	r.lasts(2 * time.Second)
	before := r.views.redis.DBSize(r.Context()).Val()
	r.must(r.views.redis.FlushAll(r.Context()).Err())
	after := r.views.redis.DBSize(r.Context()).Val()
	r.bite(fmt.Sprintf("%d keys before FLUSHALL, %d after", before, after), after < before/2)
	r.lasts(3 * time.Second)
	r.holds()
}

// mongoFrozen: the audit log waits; nothing is skipped, and nothing is there twice.
func mongoFrozen(r *run) {
	r.open(setup{})
	r.mongo.freeze()
	r.lasts(2 * time.Second)
	from := time.Now()
	at := fmt.Sprint(r.watch.at("audit"))
	r.lasts(15 * time.Second)
	_, err := r.views.auditPositions(timeout(r, time.Second))
	r.bite("the audit log stands still and does not answer", err != nil && at == fmt.Sprint(r.watch.at("audit")))
	r.takesLeads(from)
	r.expect("leads and dedup go on", r.atLeast("leads", from.Add(8*time.Second)) && r.atLeast("dedup", from.Add(8*time.Second)))
	r.holds()
}

func timeout(r *run, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	r.Cleanup(cancel)
	return ctx
}
