package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

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
	return func(yield func(view.Row, error) bool) {
		rows, err := p.stored(ctx, partition, from, to)
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

func (p Postgres) stored(ctx context.Context, partition int32, from, to int64) (pgx.Rows, error) {
	table, err := p.table(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := p.pool.Query(ctx, `select doc, ts, log_offset, phone, duplicate from `+table+`
		where log_partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset`, partition, from, to)
	return rows, pgstore.Sort(err)
}

// storedRow is a row of the table for comparison. The columns beside the document repeat it; where they don't, it says so.
func storedRow(rows pgx.Rows) (view.Row, error) {
	var d document
	var ts time.Time
	var offset int64
	var phone string
	var duplicate bool
	if err := rows.Scan(&d, &ts, &offset, &phone, &duplicate); err != nil { // pgx reads JSON into a struct
		return view.Row{}, fmt.Errorf("read a document: %w", err)
	}
	row, err := d.row()
	if !ts.Equal(d.Time.Time) || offset != d.Offset || phone != d.Phone || duplicate != d.Duplicate {
		row.Text += "\ncolumns=other than the document's"
	}
	return row, err
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
