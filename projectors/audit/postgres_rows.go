package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// table is the table as this projection reads it. The public view shows the documents alone.
func (p Postgres) table(ctx context.Context) (string, error) {
	version, err := p.Version(ctx)
	return schemaOf(version) + "." + collection, err
}

// Rows implements view.Projection.
func (p Postgres) Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[view.Row, error] {
	return p.rows(ctx, `log_partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset`, partition, from, to)
}

// Strays implements view.Derived.
func (p Postgres) Strays(ctx context.Context, partitions int32) iter.Seq2[view.Row, error] {
	return p.rows(ctx, `log_partition < 0 or log_partition >= $1 order by log_partition, log_offset`, partitions)
}

// Held implements view.Derived.
func (p Postgres) Held(ctx context.Context, records []uuid.UUID) iter.Seq2[view.Row, error] {
	ids := make([][16]byte, len(records))
	for i, record := range records {
		ids[i] = record
	}
	return p.rows(ctx, `id = any($1)`, ids)
}

// Early implements view.Derived: rows and position move in one transaction.
func (Postgres) Early() bool { return false }

// Assumed implements view.Derived.
func (Postgres) Assumed() view.Speed { return pgstore.Assumed() }

// rows yields those rows for which a condition holds.
func (p Postgres) rows(ctx context.Context, where string, args ...any) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		rows, err := p.stored(ctx, where, args...)
		if err != nil {
			yield(view.Row{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := storedRow(rows)
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(view.Row{}, pgstore.Sort(err))
		}
	}
}

func (p Postgres) stored(ctx context.Context, where string, args ...any) (pgx.Rows, error) {
	table, err := p.table(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := p.pool.Query(ctx, `select doc, ts, log_partition, log_offset, phone, duplicate from `+table+` where `+where, args...)
	return rows, pgstore.Sort(err)
}

// storedRow is a row of the table for comparison. The columns beside the document repeat it; where they don't, it says so.
func storedRow(rows pgx.Rows) (view.Row, error) {
	var text []byte
	var ts time.Time
	var partition int32
	var offset int64
	var phone string
	var duplicate bool
	if err := rows.Scan(&text, &ts, &partition, &offset, &phone, &duplicate); err != nil {
		return view.Row{}, fmt.Errorf("read a document: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return foreign(partition, offset, string(text)), nil //nolint:nilerr // a row that somebody else wrote
	}
	row, err := d.row()
	if err != nil {
		return foreign(partition, offset, string(text)), nil //nolint:nilerr // as above
	}
	if !ts.Equal(d.Time.Time) || partition != d.Partition || offset != d.Offset || phone != d.Phone || duplicate != d.Duplicate {
		row.Partition, row.Offset = partition, offset
		row.Text += "\ncolumns=other than the document's"
	}
	return row, nil
}

// Derive implements view.Derived.
func (Postgres) Derive(e *events.Event, duplicate bool) (view.Row, bool) { return derive(e, duplicate) }

// Openers implements view.Derived.
func (p Postgres) Openers(ctx context.Context, partition int32, below int64, phones []string) (events.Window, error) {
	version, err := p.Version(ctx)
	if err != nil {
		return nil, err
	}
	window, err := openersIn(ctx, p.pool, schemaOf(version), partition, below, phones)
	return window, pgstore.Sort(err)
}

// Count implements view.Derived.
func (p Postgres) Count(ctx context.Context, partition int32, from, to int64, limit int) (rows int, last int64, err error) {
	table, err := p.table(ctx)
	if err != nil {
		return 0, 0, err
	}
	err = p.pool.QueryRow(ctx, `select count(*), coalesce(max(log_offset), -1) from (select log_offset from `+table+`
		where log_partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset limit $4) counted`,
		partition, from, to, limit).Scan(&rows, &last)
	return rows, last, pgstore.Sort(err)
}
