package control

import (
	"context"
	"errors"
	"fmt"

	"leadlog/projectors/pgstore"
)

// ErrBusy is returned when another process builds, swaps in or drops a version of the same view. Nothing was changed.
var ErrBusy = errors.New("another process is building, swapping in or dropping a version of this view: wait for it, or end it")

// alone does what only one process at a time may do with the versions of a view: what it found must hold until it ends, and
// MongoDB has no transaction for that. Two who swap at once could rename a collection that the other one has just made anew;
// one who drops what another builds would leave half of it. The lock is PostgreSQL's, and ends with our connection, whatever
// becomes of us.
func (s *System) alone(ctx context.Context, name string, do func() error) error {
	pool, err := s.database(ctx)
	if err != nil {
		return err
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		return withCause(ctx, pgstore.Sort(err))
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it holds the lock, and nothing else
	var got bool
	if _, err = tx.Exec(ctx, `set local idle_in_transaction_session_timeout = 0`); err == nil {
		err = tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended('leadlog rebuild of ' || $1, 0))`, name).Scan(&got)
	}
	switch {
	case err != nil:
		return withCause(ctx, fmt.Errorf("lock the versions of %s: %w", name, pgstore.Sort(err)))
	case !got:
		return fmt.Errorf("%s: %w", name, ErrBusy)
	}
	return do()
}
