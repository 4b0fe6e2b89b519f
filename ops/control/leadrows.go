package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/events"
)

// leadRows looks things up in the view landing_phone, as everybody does.
type leadRows struct{ pool *pgxpool.Pool }

const leadColumns = `log_partition, log_offset, created_at, record_id, event_id, phone`

// find implements lookup. Two selects for an id, one for each index: see the migration of landing_phone.
func (l leadRows) find(ctx context.Context, q Query) ([]sighting, error) {
	var rows pgx.Rows
	var err error
	if q.ID != uuid.Nil {
		rows, err = l.pool.Query(ctx, `select `+leadColumns+` from landing_phone where event_id = $1
			union all select `+leadColumns+` from landing_phone where record_id = $1 and record_id <> event_id
			order by created_at desc limit $2`, q.ID, q.Limit+1)
	} else {
		rows, err = l.pool.Query(ctx, `select `+leadColumns+` from landing_phone where phone = $1 order by created_at desc limit $2`,
			q.Phone, q.Limit+1)
	}
	if err != nil {
		return nil, fmt.Errorf("look up leads: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sighting, err error) {
		err = row.Scan(&s.partition, &s.offset, &s.time, &s.recordID, &s.eventID, &s.phone)
		return s, err
	})
}

// holds implements lookup: the phone's last opener up to the record is the record itself, or covers it, or neither. The
// additions of zero leave the planner one index to choose, the phone's.
func (l leadRows) holds(ctx context.Context, r *Record) (opinion, error) {
	var id, offset int64
	var opened time.Time
	err := l.pool.QueryRow(ctx, `select id, log_offset, created_at from landing_phone
		where phone = $1 and log_partition + 0 = $2 and log_offset + 0 <= $3 order by log_offset + 0 desc limit 1`,
		r.Phone, r.Partition, r.Offset).Scan(&id, &offset, &opened)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return opinion{}, nil
	case err != nil:
		return opinion{}, fmt.Errorf("look up the lead: %w", err)
	case offset == r.Offset:
		return opinion{held: true, verdict: Opener, detail: fmt.Sprintf("landing_phone, id %d", id)}, nil
	case events.Opener{Offset: offset, Time: opened}.Covers(r.Time):
		return opinion{verdict: Duplicate, detail: fmt.Sprintf("of the lead with id %d", id)}, nil
	}
	return opinion{}, nil
}
