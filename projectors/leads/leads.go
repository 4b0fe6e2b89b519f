// Package leads is the lead table: one row in PostgreSQL for each event that opened a 24 h window.
//
// It promises that the table is a function of the log: ids come from the place in the log and not from a sequence, times are
// the broker's, and every verdict is reached from rows below the event's own offset. Throw it away, and it comes back the
// same, row for row.
package leads

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// Name of the projection.
const Name = "leads"

// Public is the view that everybody reads. The physical tables live in a schema a version, of which it shows the active one.
const Public = "landing_phone"

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate makes the tables of a version, and the view landing_phone when there is none.
func Migrate(ctx context.Context, url string, version int) error {
	return pgstore.MigrateSchema(ctx, url, pgstore.Versioned(Name, version), migrations)
}

// Projection is the lead table. It implements view.Projection, view.Derived, view.Preparer and view.Keeper.
type Projection struct {
	pool   *pgxpool.Pool
	months *months
	draft  int // the version that is being built; 0: the one that everybody reads
}

var (
	_ view.Projection[*pgstore.Tx] = (*Projection)(nil)
	_ view.Derived                 = (*Projection)(nil)
	_ view.Preparer                = (*Projection)(nil)
	_ view.Keeper                  = (*Projection)(nil)
)

// New returns the projection. pool is for reading; aside is a pool of its own for making months, so that a worker that
// waits for a month never waits for a connection that another worker holds.
func New(pool, aside *pgxpool.Pool) *Projection {
	return &Projection{pool: pool, months: newMonths(aside)}
}

// NewDraft returns the projection as a version is that nobody reads yet, or not any more.
func NewDraft(pool, aside *pgxpool.Pool, version int) *Projection {
	return &Projection{pool: pool, months: newMonths(aside), draft: version}
}

// Name implements view.Projection.
func (p *Projection) Name() string {
	if p.draft > 0 {
		return view.Draft(Name, p.draft)
	}
	return Name
}

// Version implements view.Projection.
func (p *Projection) Version(ctx context.Context) (int, error) {
	if p.draft > 0 {
		return p.draft, nil
	}
	return pgstore.VersionOf(ctx, p.pool, Name, Public)
}

// Prepare implements view.Preparer: the months of a batch are there before its transaction begins.
func (p *Projection) Prepare(ctx context.Context, at view.Position, batch []events.Event) error {
	return pgstore.Sort(p.months.ensure(ctx, monthsOf(at.Version, batch)...))
}

// Keep implements view.Keeper: months are made well ahead of their first lead.
func (p *Projection) Keep(ctx context.Context, _ []int32) error {
	version, err := p.Version(ctx)
	if err != nil {
		return err
	}
	return pgstore.Sort(p.months.ensureAhead(ctx, version))
}

// Apply implements view.Projection. It writes to the tables of the position's version, whatever the public view shows: a
// worker that was overtaken by a swap can't reach the new ones.
func (p *Projection) Apply(ctx context.Context, tx *pgstore.Tx, at view.Position, batch []events.Event) error {
	for _, run := range events.Runs(batch) {
		apply := p.insert
		if run[0].Tombstone {
			apply = forget
		}
		if err := apply(ctx, tx, schemaOf(at.Version), run); err != nil {
			return p.orMonthGone(err)
		}
	}
	return nil
}

func schemaOf(version int) string { return pgstore.Versioned(Name, version) }

// orMonthGone tells a row without a month from a row that is wrong: the months went when the store was restored or emptied
// under us, and the next try makes them again.
func (p *Projection) orMonthGone(err error) error {
	var pg *pgconn.PgError
	if !view.Known(err) && errors.As(err, &pg) && pg.Code == "23514" && pg.ConstraintName == "" {
		p.months.forget()
		return fmt.Errorf("%w: a month is gone: %w", view.ErrStoreDown, err)
	}
	return err
}

// insert adds a row for each event that opens a window.
func (p *Projection) insert(ctx context.Context, tx *pgstore.Tx, schema string, batch []events.Event) error {
	window, err := openersNear(ctx, tx, schema, batch)
	if err != nil {
		return err
	}
	rows := make([]*events.Event, 0, len(batch))
	for i := range batch {
		if !window.Judge(&batch[i]) {
			rows = append(rows, &batch[i])
		}
	}
	if len(rows) < fewRows {
		return p.insertFew(tx, schema, rows)
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{schema, Public}, columns(), pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		return values(rows[i])
	}))
	if err != nil {
		return fmt.Errorf("copy %d leads: %w", len(rows), err)
	}
	return nil
}

// fewRows is the number of rows from which on COPY, which takes some round trips to begin, is the faster way.
const fewRows = 32

// insertFew adds rows with the commit: a lone lead should be there at once.
func (p *Projection) insertFew(tx *pgstore.Tx, schema string, rows []*events.Event) error {
	uninserted := func(err error) error { return p.orMonthGone(fmt.Errorf("insert leads: %w", err)) }
	for _, e := range rows {
		args, err := values(e)
		if err != nil {
			return err
		}
		tx.Later(uninserted, `insert into `+schema+`.landing_phone
			(id, phone, created_at, record_id, event_id, log_partition, log_offset, page, referrer, campaign, variant, device)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, args...)
	}
	return nil
}

// forget removes the rows of erased records. Two statements, one for each index: see the migration.
func forget(ctx context.Context, tx *pgstore.Tx, schema string, tombstones []events.Event) error {
	ids := make([][16]byte, len(tombstones))
	for i := range tombstones {
		ids[i] = tombstones[i].RecordID
	}
	for _, where := range []string{`event_id = any($1) and record_id = event_id`, `record_id = any($1) and record_id <> event_id`} {
		if _, err := tx.Exec(ctx, `delete from `+schema+`.landing_phone where `+where, ids); err != nil {
			return fmt.Errorf("forget %d records: %w", len(ids), err)
		}
	}
	return nil
}

// Undo implements view.Projection.
func (p *Projection) Undo(ctx context.Context, tx *pgstore.Tx, at view.Position, from int64) (int64, error) {
	tag, err := tx.Exec(ctx, `delete from `+schemaOf(at.Version)+`.landing_phone where log_partition = $1 and log_offset >= $2`,
		at.Partition, from)
	return tag.RowsAffected(), err
}

// HasRows implements view.Projection.
func (p *Projection) HasRows(ctx context.Context, partition int32) (has bool, err error) {
	err = p.pool.QueryRow(ctx, `select exists (select from `+p.table()+` where log_partition = $1)`, partition).Scan(&has)
	return has, pgstore.Sort(err)
}

// columns of the table, in the order of values.
func columns() []string {
	return []string{
		"id", "phone", "created_at", "record_id", "event_id", "log_partition", "log_offset",
		"page", "referrer", "campaign", "variant", "device",
	}
}

func values(e *events.Event) ([]any, error) {
	var campaign any
	if e.Campaign != (events.Campaign{}) {
		text, err := json.Marshal(e.Campaign)
		if err != nil {
			return nil, fmt.Errorf("campaign: %w", err)
		}
		campaign = text
	}
	return []any{
		ID(e.Partition, e.Offset), e.Phone, e.Time, [16]byte(e.RecordID), [16]byte(e.EventID), e.Partition, e.Offset,
		orNull(e.Page), orNull(e.Referrer), campaign, orNull(e.Variant), orNull(e.Device),
	}, nil
}

// ID is the id of a lead: the place of its event in the log, so that a rebuild gives the same ones. It has room for 16
// partitions, and for 2^59 offsets in each.
func ID(partition int32, offset int64) int64 { return offset*16 + int64(partition) }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
