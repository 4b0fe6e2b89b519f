package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"leadlog/projectors/pgstore"
)

// tellingRows is how many rows a rewind must have removed for its speed to tell anything: of fewer it is mostly that of
// round trips.
const tellingRows = 500

// estimate says how long rows will be missing: until the projectors see it, and as long as it takes to remove them and to
// apply their events again. Each speed is the one that was last measured for this view, or else assumed of its store.
func (s *System) estimate(ctx context.Context, o *opened, plan *RewindPlan) error {
	if plan.InPlace {
		return nil
	}
	plan.Speed = o.Derived().Assumed()
	pace := 0.0
	for _, part := range plan.Partitions {
		pace = max(pace, part.At.Pace)
	}
	if plan.PaceKnown = pace > 0; plan.PaceKnown {
		plan.Speed.Apply = pace
	}
	removal, err := s.removalOf(ctx, plan.View)
	if err != nil {
		return err
	}
	if plan.RemovalKnown = removal > 0; plan.RemovalKnown {
		plan.Speed.Remove = removal
	}
	takes := func(n int64, speed float64) time.Duration {
		return time.Duration(float64(n) / speed * float64(time.Second))
	}
	plan.Missing = untilSeen + takes(plan.Removed().N, plan.Speed.Remove) + takes(plan.Events().N, plan.Speed.Apply)
	return nil
}

// removalOf is how many rows a second the last rewind of a view has removed, as far as it tells; 0 when none does.
func (s *System) removalOf(ctx context.Context, name string) (speed float64, err error) {
	pool, err := s.database(ctx)
	if err != nil {
		return 0, err
	}
	err = pool.QueryRow(ctx, `select (detail->>'removed_rows')::float8 / (detail->>'removing_seconds')::float8 from leadlog.ledger
		where verb = $1 and view = $2 and (detail->>'removed_rows')::bigint >= $3 and (detail->>'removing_seconds')::float8 > 0
		order by at desc limit 1`, verbRewind, name, tellingRows).Scan(&speed)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read how fast the last rewind was: %w", withCause(ctx, pgstore.Sort(err)))
	}
	return speed, nil
}
