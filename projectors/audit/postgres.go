package audit

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// schema holds the physical table. The public view `requests` is on the active version.
const schema = "audit_v1"

//go:embed migrations/*.sql
var migrations embed.FS

// MigratePostgres makes the table, and the view `requests`.
func MigratePostgres(ctx context.Context, url string) error {
	return pgstore.MigrateSchema(ctx, url, schema, migrations)
}

// Postgres is the request log in PostgreSQL. It implements view.Projection and view.Keeper.
type Postgres struct{ pool *pgxpool.Pool }

var (
	_ view.Projection[pgx.Tx] = Postgres{}
	_ view.Keeper             = Postgres{}
)

// NewPostgres returns the projection in a database that MigratePostgres has prepared. pool is for reading and upkeep.
func NewPostgres(pool *pgxpool.Pool) Postgres { return Postgres{pool} }

// Name implements view.Projection.
func (Postgres) Name() string { return Name }

// Apply implements view.Projection.
func (p Postgres) Apply(ctx context.Context, tx pgx.Tx, at view.Position, batch []events.Event) error {
	for _, run := range events.Runs(batch) {
		if run[0].Tombstone {
			if err := p.forget(ctx, tx, run); err != nil {
				return err
			}
			continue
		}
		window, err := p.openers(ctx, tx, run)
		if err != nil {
			return err
		}
		if err := p.write(ctx, tx, documentsOf(run, window, at.Generation)); err != nil {
			return err
		}
	}
	return nil
}

// openersOf is the look-up of openers. The addition of zero leaves the planner one index to choose, the openers' own, whatever
// its statistics say: the one on (log_partition, log_offset), walked backwards, reads a whole partition for each new phone.
const openersOf = `select u.phone, o.log_offset, o.ts
	from unnest($1::text[]) as u(phone)
	cross join lateral (
		select log_offset, ts from audit_v1.requests r
		where r.phone = u.phone and not r.duplicate and r.log_partition + 0 = $2 and r.log_offset < $3
		order by r.log_offset desc limit 1) o`

// openers looks up, for each phone of a run, the last event before the run that opened a window.
func (Postgres) openers(ctx context.Context, tx pgx.Tx, run []events.Event) (events.Window, error) {
	rows, err := tx.Query(ctx, openersOf, events.Phones(run), run[0].Partition, run[0].Offset)
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", err)
	}
	window := make(events.Window)
	var phone string
	var o events.Opener
	_, err = pgx.ForEachRow(rows, []any{&phone, &o.Offset, &o.Time}, func() error {
		window[phone] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", err)
	}
	return window, nil
}

// write copies documents into the table. A record key that is there already (a producer used one twice) must not stop the
// partition: the savepoint takes the copy back, and the slower way replaces the older document.
func (p Postgres) write(ctx context.Context, tx pgx.Tx, documents []document) error {
	texts := make([][]byte, len(documents))
	for i, d := range documents {
		var err error
		if texts[i], err = json.Marshal(d); err != nil {
			return fmt.Errorf("document %s: %w", d.ID, err)
		}
	}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error { return copyIn(ctx, savepoint, documents, texts) })
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		err = upsert(ctx, tx, texts)
	}
	if err != nil {
		return fmt.Errorf("write %d documents: %w", len(documents), err)
	}
	return nil
}

func copyIn(ctx context.Context, tx pgx.Tx, documents []document, texts [][]byte) error {
	columns := []string{"id", "ts", "log_partition", "log_offset", "phone", "duplicate", "doc"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{schema, collection}, columns, pgx.CopyFromSlice(len(documents), func(i int) ([]any, error) {
		d := &documents[i]
		return []any{d.ID, d.Time.Time, d.Partition, d.Offset, d.Phone, d.Duplicate, texts[i]}, nil
	}))
	return err
}

func upsert(ctx context.Context, tx pgx.Tx, texts [][]byte) error {
	_, err := tx.Exec(ctx, `insert into audit_v1.requests as r (id, ts, log_partition, log_offset, phone, duplicate, doc)
		select (doc->>'_id')::uuid, (doc->>'ts')::timestamptz, (doc->>'log_partition')::int, (doc->>'log_offset')::bigint,
			doc->>'phone', (doc->>'duplicate')::bool, doc
		from unnest($1::jsonb[]) as u(doc)
		on conflict (id) do update set ts = excluded.ts, log_partition = excluded.log_partition, log_offset = excluded.log_offset,
			phone = excluded.phone, duplicate = excluded.duplicate, doc = excluded.doc`, texts)
	return err
}

// forget removes the documents of erased records. Unlike MongoDB's, it needs no stubs: no zombie gets past the position.
func (Postgres) forget(ctx context.Context, tx pgx.Tx, tombstones []events.Event) error {
	ids := make([][16]byte, len(tombstones))
	for i := range tombstones {
		ids[i] = tombstones[i].RecordID
	}
	if _, err := tx.Exec(ctx, `delete from audit_v1.requests where id = any($1)`, ids); err != nil {
		return fmt.Errorf("forget %d records: %w", len(ids), err)
	}
	return nil
}

// Undo implements view.Projection.
func (Postgres) Undo(ctx context.Context, tx pgx.Tx, partition int32, from int64) (int64, error) {
	tag, err := tx.Exec(ctx, `delete from audit_v1.requests where log_partition = $1 and log_offset >= $2`, partition, from)
	return tag.RowsAffected(), err
}

// HasRows implements view.Projection.
func (p Postgres) HasRows(ctx context.Context, partition int32) (has bool, err error) {
	err = p.pool.QueryRow(ctx, `select exists (select from audit_v1.requests where log_partition = $1)`, partition).Scan(&has)
	return has, pgstore.Sort(err)
}

// Rows implements view.Projection, in offset order.
func (p Postgres) Rows(ctx context.Context, partition int32) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		rows, err := p.pool.Query(ctx, `select doc from audit_v1.requests where log_partition = $1 order by log_offset`, partition)
		if err != nil {
			yield(view.Row{}, pgstore.Sort(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := rowOf(rows)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(view.Row{}, pgstore.Sort(err))
		}
	}
}

func rowOf(rows pgx.Rows) (view.Row, error) {
	var d document
	if err := rows.Scan(&d); err != nil { // pgx reads JSON into a struct
		return view.Row{}, fmt.Errorf("read a document: %w", err)
	}
	return d.row()
}
