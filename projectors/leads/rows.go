package leads

import (
	"context"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// table is the lead table as this projection reads it: the public view, or the tables of a draft.
func (p *Projection) table() string {
	if p.draft > 0 {
		return schemaOf(p.draft) + "." + Public
	}
	return Public
}

// Rows implements view.Projection.
func (p *Projection) Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[view.Row, error] {
	return p.rows(ctx, `log_partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset`, partition, from, to)
}

// Strays implements view.Derived.
func (p *Projection) Strays(ctx context.Context, partitions int32) iter.Seq2[view.Row, error] {
	return p.rows(ctx, `log_partition < 0 or log_partition >= $1 order by log_partition, log_offset`, partitions)
}

// Held implements view.Derived: two conditions, one for each index, as in forget.
func (p *Projection) Held(ctx context.Context, records []uuid.UUID) iter.Seq2[view.Row, error] {
	return p.rows(ctx, `event_id = any($1) and record_id = event_id or record_id = any($1) and record_id <> event_id`, plain(records))
}

// Early implements view.Derived: rows and position move in one transaction.
func (*Projection) Early() bool { return false }

// Assumed implements view.Derived.
func (*Projection) Assumed() view.Speed { return pgstore.Assumed() }

// rows yields those rows for which a condition holds.
func (p *Projection) rows(ctx context.Context, where string, args ...any) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		rows, err := p.pool.Query(ctx, `select id, log_partition, log_offset, created_at, record_id, event_id,
				phone, page, referrer, variant, device, campaign::text
			from `+p.table()+` where `+where, args...)
		if err != nil {
			yield(view.Row{}, pgstore.Sort(err))
			return
		}
		defer rows.Close()
		reader := newReader(rows)
		for rows.Next() {
			row, err := reader.row()
			if !yield(row, pgstore.Sort(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(view.Row{}, pgstore.Sort(err))
		}
	}
}

// reader reads rows of Rows' query, each into the same space.
type reader struct {
	rows  pgx.Rows
	now   row[[]byte]
	fixed []any // where the columns go that are no text; nil for those that are
	space []byte
}

func newReader(rows pgx.Rows) *reader {
	r := &reader{rows: rows, space: make([]byte, 0, spaceOf)}
	n := &r.now
	r.fixed = []any{&n.id, &n.partition, &n.offset, &n.createdAt, (*[16]byte)(&n.recordID), (*[16]byte)(&n.eventID), nil, nil, nil, nil, nil, nil}
	return r
}

func (r *reader) row() (view.Row, error) {
	if err := r.rows.Scan(r.fixed...); err != nil {
		return view.Row{}, err
	}
	text := r.rows.RawValues()[6:] // the same bytes in both of the protocol's formats
	n := &r.now
	n.phone, n.page, n.referrer, n.variant, n.device = text[0], stored(text[1]), stored(text[2]), stored(text[3]), stored(text[4])
	n.campaign, n.strange = events.Campaign{}, nil
	if text[5] != nil {
		var ok bool
		if n.campaign, ok = parseCampaign(text[5]); !ok {
			n.strange = text[5]
		}
	}
	return n.shown(r.space), nil
}

// Openers implements view.Derived.
func (p *Projection) Openers(ctx context.Context, partition int32, below int64, phones []string) (events.Window, error) {
	version, err := p.Version(ctx)
	if err != nil {
		return nil, err
	}
	window, err := openers(ctx, p.pool, schemaOf(version), partition, below, phones)
	return window, pgstore.Sort(err)
}

// plain is ids as pgx takes them for uuid[].
func plain(ids []uuid.UUID) [][16]byte {
	texts := make([][16]byte, len(ids))
	for i, id := range ids {
		texts[i] = id
	}
	return texts
}

// Count implements view.Derived.
func (p *Projection) Count(ctx context.Context, partition int32, from, to int64, limit int) (rows int, last int64, err error) {
	err = p.pool.QueryRow(ctx, `select count(*), coalesce(max(log_offset), -1) from (select log_offset from `+p.table()+`
		where log_partition = $1 and log_offset >= $2 and log_offset < $3 order by log_offset limit $4) counted`,
		partition, from, to, limit).Scan(&rows, &last)
	return rows, last, pgstore.Sort(err)
}
