package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
)

// A swap while the old version is being applied to: it writes to its own tables alone, readers see either version whole.
func TestInterleaving14_ASwapWhileTheOldVersionRuns(t *testing.T) {
	w := newOperated(t)
	w.projectors()
	w.fill(60)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.lead(fmt.Sprintf("0938%07d", i))
		}
	})
	all.Go(func() {
		for ctx.Err() == nil {
			var n int64
			if err := w.pool.QueryRow(ctx, `select count(*) from landing_phone`).Scan(&n); ctx.Err() == nil && (err != nil || n < 60) {
				t.Errorf("a reader sees %d leads: %v", n, err)
				return
			}
		}
	})
	for _, name := range []string{"leads", "audit"} {
		w.execute("rebuild", name)
	}
	frozen := w.count(`select count(*) from leads_v1.landing_phone`)
	w.lead("09391234567")
	stop()
	all.Wait()
	w.await("the views", w.caughtUp)
	if n := w.count(`select count(*) from leads_v1.landing_phone`); n != frozen {
		t.Errorf("the old version has %d leads, and had %d when the new one took its place", n, frozen)
	}
	w.ops(0, "verify")
}

func tombstone(r *kgo.Record) *kgo.Record {
	return &kgo.Record{Topic: events.Topic, Partition: r.Partition, Key: r.Key}
}

// backup copies the database, which nobody may be using.
func (w *operated) backup(name string) {
	w.Helper()
	w.pool.Reset()
	from := w.databaseName()
	w.admin(fmt.Sprintf(`create database %s_%s template %s`, from, name, from))
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = w.adminErr(ctx, fmt.Sprintf(`drop database if exists %s_%s with (force)`, from, name)) // it may have taken the other's place
	})
}

// restoreBackup puts the copy in the database's place.
func (w *operated) restoreBackup(name string) {
	w.Helper()
	w.pool.Reset()
	to := w.databaseName()
	w.admin(fmt.Sprintf(`drop database %s with (force)`, to))
	w.admin(fmt.Sprintf(`alter database %s_%s rename to %s`, to, name, to))
	w.pool.Reset()
}

func (w *operated) databaseName() string {
	w.Helper()
	u, err := url.Parse(w.stores.URLs.Database)
	w.check(err)
	return strings.TrimPrefix(u.Path, "/")
}

// admin runs a statement in another database of the same server: one cannot be copied or dropped from within.
func (w *operated) admin(sql string) {
	w.Helper()
	w.await(sql, func() bool { return w.adminErr(w.Context(), sql) == nil }) // connections that were closed may linger
}

func (w *operated) adminErr(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is left to lose
	_, err = conn.Exec(ctx, sql)
	return err
}
