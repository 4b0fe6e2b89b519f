package audit

import (
	"cmp"
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

//go:embed migrations/*.sql
var migrations embed.FS

// MigratePostgres makes the table of a version, and the view `requests` when there is none.
func MigratePostgres(ctx context.Context, url string, version int) error {
	return pgstore.MigrateSchema(ctx, url, schemaOf(version), migrations)
}

// schemaOf is the schema of a version's table. The public view `requests` is on the active one.
func schemaOf(version int) string { return pgstore.Versioned(Name, version) }

// Postgres is the request log in PostgreSQL. It implements view.Projection, view.Derived and view.Keeper.
type Postgres struct {
	pool  *pgxpool.Pool
	draft int // the version that is being built; 0: the one that everybody reads
}

var (
	_ view.Projection[*pgstore.Tx] = Postgres{}
	_ view.Derived                 = Postgres{}
	_ view.Keeper                  = Postgres{}
)

// NewPostgres returns the projection in a database that MigratePostgres has prepared. pool is for reading and upkeep.
func NewPostgres(pool *pgxpool.Pool) Postgres { return Postgres{pool: pool} }

// NewPostgresDraft returns the projection as a version is that nobody reads yet, or not any more.
func NewPostgresDraft(pool *pgxpool.Pool, version int) Postgres { return Postgres{pool, version} }

// Name implements view.Projection.
func (p Postgres) Name() string {
	if p.draft > 0 {
		return view.Draft(Name, p.draft)
	}
	return Name
}

// Version implements view.Projection.
func (p Postgres) Version(ctx context.Context) (int, error) {
	if p.draft > 0 {
		return p.draft, nil
	}
	return pgstore.VersionOf(ctx, p.pool, Name, collection)
}

// Apply implements view.Projection.
func (p Postgres) Apply(ctx context.Context, tx *pgstore.Tx, at view.Position, batch []events.Event) error {
	schema := schemaOf(at.Version)
	for _, run := range events.Runs(batch) {
		if run[0].Tombstone {
			if err := p.forget(ctx, tx, schema, run); err != nil {
				return err
			}
			continue
		}
		window, err := openersIn(ctx, tx, schema, run[0].Partition, run[0].Offset, events.Phones(run))
		if err != nil {
			return err
		}
		if err := p.write(ctx, tx, schema, documentsOf(run, window, at.Generation)); err != nil {
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
		select log_offset, ts from %s.requests r
		where r.phone = u.phone and not r.duplicate and r.log_partition + 0 = $2 and r.log_offset < $3
		order by r.log_offset desc limit 1) o`

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// openersIn looks up, for each phone, the last event below an offset that opened a window.
func openersIn(ctx context.Context, from querier, schema string, partition int32, below int64, phones []string) (events.Window, error) {
	rows, err := from.Query(ctx, fmt.Sprintf(openersOf, schema), phones, partition, below)
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

// fewDocuments is the number of documents from which on COPY, which takes some round trips to begin, is the faster way.
const fewDocuments = 32

// write puts documents into the table, many by COPY. A record key that is there already (a producer used one twice) must not
// stop the partition: the savepoint takes the copy back, and the slower way, the one for few, replaces the older document.
func (p Postgres) write(ctx context.Context, tx *pgstore.Tx, schema string, documents []document) error {
	texts := make([][]byte, len(documents))
	for i, d := range documents {
		var err error
		if texts[i], err = json.Marshal(d); err != nil {
			return fmt.Errorf("document %s: %w", d.ID, err)
		}
	}
	if len(documents) < fewDocuments {
		upsert(tx, schema, texts)
		return nil
	}
	if err := copyOrUpsert(ctx, tx, schema, documents, texts); err != nil {
		return unwritten(err)
	}
	return nil
}

func copyOrUpsert(ctx context.Context, tx *pgstore.Tx, schema string, documents []document, texts [][]byte) error {
	taken, err := tx.Try(ctx, func() error { return copyIn(ctx, tx, schema, documents, texts) })
	var pg *pgconn.PgError
	if err == nil && errors.As(taken, &pg) && pg.Code == "23505" {
		upsert(tx, schema, texts)
		return nil
	}
	return cmp.Or(err, taken)
}

func copyIn(ctx context.Context, tx *pgstore.Tx, schema string, documents []document, texts [][]byte) error {
	columns := []string{"id", "ts", "log_partition", "log_offset", "phone", "duplicate", "doc"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{schema, collection}, columns, pgx.CopyFromSlice(len(documents), func(i int) ([]any, error) {
		d := &documents[i]
		return []any{d.ID, d.Time.Time, d.Partition, d.Offset, d.Phone, d.Duplicate, texts[i]}, nil
	}))
	return err
}

func upsert(tx *pgstore.Tx, schema string, texts [][]byte) {
	tx.Later(unwritten, `insert into `+schema+`.requests as r (id, ts, log_partition, log_offset, phone, duplicate, doc)
		select (doc->>'_id')::uuid, (doc->>'ts')::timestamptz, (doc->>'log_partition')::int, (doc->>'log_offset')::bigint,
			doc->>'phone', (doc->>'duplicate')::bool, doc
		from unnest($1::jsonb[]) as u(doc)
		on conflict (id) do update set ts = excluded.ts, log_partition = excluded.log_partition, log_offset = excluded.log_offset,
			phone = excluded.phone, duplicate = excluded.duplicate, doc = excluded.doc`, texts)
}

func unwritten(err error) error { return fmt.Errorf("write documents: %w", err) }

// forget removes the documents of erased records. Unlike MongoDB's, it needs no stubs: no zombie gets past the position.
func (Postgres) forget(ctx context.Context, tx *pgstore.Tx, schema string, tombstones []events.Event) error {
	ids := make([][16]byte, len(tombstones))
	for i := range tombstones {
		ids[i] = tombstones[i].RecordID
	}
	if _, err := tx.Exec(ctx, `delete from `+schema+`.requests where id = any($1)`, ids); err != nil {
		return fmt.Errorf("forget %d records: %w", len(ids), err)
	}
	return nil
}

// Undo implements view.Projection.
func (Postgres) Undo(ctx context.Context, tx *pgstore.Tx, at view.Position, from int64) (int64, error) {
	tag, err := tx.Exec(ctx, `delete from `+schemaOf(at.Version)+`.requests where log_partition = $1 and log_offset >= $2`, at.Partition, from)
	return tag.RowsAffected(), err
}

// HasRows implements view.Projection.
func (p Postgres) HasRows(ctx context.Context, partition int32) (has bool, err error) {
	table, err := p.table(ctx)
	if err != nil {
		return false, err
	}
	err = p.pool.QueryRow(ctx, `select exists (select from `+table+` where log_partition = $1)`, partition).Scan(&has)
	return has, pgstore.Sort(err)
}
