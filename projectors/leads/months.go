package leads

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
)

// ahead is how many months beyond the present one are made before anybody needs them.
const ahead = 2

// makeWithin bounds the making of months, lock waits included.
const makeWithin = 10 * time.Second

// months makes the monthly partitions of the lead table.
//
// A month is created on its own and then attached. Attaching takes a lock on the parent (SHARE UPDATE EXCLUSIVE) that
// neither readers nor writers conflict with, so an analyst's long SELECT delays nobody and nobody queues behind it; "create
// table … partition of", or a default partition, would take one that stops them all. An advisory lock, held to the end of
// the transaction, puts workers that need the same month in a row.
type months struct {
	pool *pgxpool.Pool // its own: see New

	mu    sync.Mutex
	known map[month]bool
}

type month struct {
	version int // of the lead table
	year    int
	of      time.Month
}

func newMonths(pool *pgxpool.Pool) *months {
	return &months{pool: pool, known: make(map[month]bool)}
}

func monthOf(version int, t time.Time) month {
	t = t.UTC()
	return month{version, t.Year(), t.Month()}
}

func (m month) start() time.Time { return time.Date(m.year, m.of, 1, 0, 0, 0, 0, time.UTC) }
func (m month) end() time.Time   { return m.start().AddDate(0, 1, 0) }

// table is named as the replaced system named its partitions.
func (m month) table() string { return m.start().Format("landing_phone_2006_01") }

func monthsOf(version int, batch []events.Event) []month {
	var found []month
	var last month
	for i := range batch {
		if batch[i].Tombstone {
			continue
		}
		if m := monthOf(version, batch[i].Time); m != last { // batches hardly ever have two
			found = append(found, m)
			last = m
		}
	}
	return found
}

func (ms *months) ensureAhead(ctx context.Context, version int) error {
	now := monthOf(version, time.Now()).start()
	for i := range ahead + 1 {
		if err := ms.ensure(ctx, monthOf(version, now.AddDate(0, i, 0))); err != nil {
			return err
		}
	}
	return nil
}

// forget makes ensure look again at every month.
func (ms *months) forget() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	clear(ms.known)
}

// ensure makes months that are not there yet. Those it has seen cost nothing.
func (ms *months) ensure(ctx context.Context, wanted ...month) error {
	ctx, cancel := context.WithTimeout(ctx, makeWithin) // others wait at the mutex
	defer cancel()
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, m := range wanted {
		if ms.known[m] {
			continue
		}
		if err := pgx.BeginFunc(ctx, ms.pool, func(tx pgx.Tx) error { return m.create(ctx, tx) }); err != nil {
			return fmt.Errorf("make month %s: %w", m.table(), err)
		}
		ms.known[m] = true
	}
	return nil
}

func (m month) create(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `set local lock_timeout = '5s'`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('leadlog months of '||$1, 0))`, schemaOf(m.version)); err != nil {
		return err
	}
	table := pgx.Identifier{schemaOf(m.version), m.table()}.Sanitize()
	var there bool
	if err := tx.QueryRow(ctx, `select to_regclass($1) is not null`, table).Scan(&there); err != nil || there {
		return err
	}
	parent := pgx.Identifier{schemaOf(m.version), Public}.Sanitize()
	const bound = "2006-01-02 15:04:05+00"
	_, err := tx.Exec(ctx, fmt.Sprintf(`create table %[1]s (like %[2]s including all);
		alter table %[2]s attach partition %[1]s for values from ('%[3]s') to ('%[4]s')`,
		table, parent, m.start().Format(bound), m.end().Format(bound)))
	return err
}
