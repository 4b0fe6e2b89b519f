package leads

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// Rows implements view.Projection, in offset order.
func (p *Projection) Rows(ctx context.Context, partition int32) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		rows, err := p.pool.Query(ctx, `select record_id, log_offset, l::text from leads_v1.landing_phone l
			where log_partition = $1 order by log_offset`, partition)
		if err != nil {
			yield(view.Row{}, pgstore.Sort(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := pgx.RowToStructByPos[view.Row](rows)
			if !yield(row, pgstore.Sort(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(view.Row{}, pgstore.Sort(err))
		}
	}
}
