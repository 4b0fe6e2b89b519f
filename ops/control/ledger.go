package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/pgstore"
)

// closeWithin bounds the last word in the ledger about a change that was interrupted: it is written after the context that
// ended it.
const closeWithin = 3 * time.Second

// Change is what somebody asks to be done, as the ledger has it.
type Change struct {
	Verb   string
	View   string    // empty for what is about none
	Plan   uuid.UUID // zero for what needs none
	Reason string
}

// Record is for changes that are made elsewhere: it does one and writes it down, as every change of a System is. Without a
// database there is nowhere to write, and the error is ErrNeedDatabase.
func (s *System) Record(ctx context.Context, c Change, do func(context.Context) (detail map[string]any, err error)) error {
	return s.record(ctx, c, do)
}

// Ledger returns the latest changes, the newest first.
func (s *System) Ledger(ctx context.Context, limit int) ([]pgstore.Entry, error) {
	pool, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := pgstore.NewLedger(pool).Entries(ctx, limit)
	if err != nil {
		return nil, withCause(ctx, err)
	}
	return entries, nil
}

// record does a change and writes it down: begun before it, and done or failed after it. What can't be written down is not
// done. do returns which rows it was about, for the ledger, whether it failed or not; its error is returned as it is.
func (s *System) record(ctx context.Context, c Change, do func(context.Context) (detail map[string]any, err error)) error {
	pool, err := s.database(ctx)
	if err != nil {
		return err
	}
	ledger, entry := pgstore.NewLedger(pool), s.entry(c)
	if err := ledger.Write(ctx, entry); err != nil {
		return withCause(ctx, err)
	}
	detail, failed := do(ctx)
	if err := s.close(ctx, ledger, entry, detail, failed); err != nil && failed == nil {
		return fmt.Errorf("it was done, but stands in the ledger as begun: %w", err)
	}
	return failed
}

// close writes how a change ended.
func (s *System) close(ctx context.Context, ledger pgstore.Ledger, entry pgstore.Entry, detail map[string]any, failed error) (err error) {
	if detail == nil {
		detail = make(map[string]any)
	}
	if entry.Outcome = pgstore.Done; failed != nil {
		entry.Outcome = pgstore.Failed
		if ctx.Err() != nil {
			entry.Outcome = pgstore.Begun // interrupted: it can be finished
		}
		detail["error"] = failed.Error()
	}
	if entry.Detail, err = json.Marshal(detail); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	return ledger.Write(closing, entry)
}

// overtaken closes the entry of a plan that was begun, and can't be finished any more: err says why it does not fit. Otherwise
// it would stand there as begun for ever. Another process that is at it right now writes its own last word later. It returns err.
func (s *System) overtaken(ctx context.Context, plan uuid.UUID, err error) error {
	if !errors.Is(err, ErrPlanStale) {
		return err
	}
	pool, failed := s.database(ctx)
	if failed == nil {
		_, failed = pool.Exec(ctx, `update leadlog.ledger set outcome = $2, ended_at = now(), detail = detail || jsonb_build_object('error', $3::text)
			where id = $1 and outcome = $4`, plan, pgstore.Failed, err.Error(), pgstore.Begun)
	}
	if failed != nil {
		return fmt.Errorf("%w (and the ledger still has it as begun: %w)", err, failed)
	}
	return err
}

// recorded returns the detail of the change that a plan has begun.
func (s *System) recorded(ctx context.Context, plan uuid.UUID) (detail json.RawMessage, err error) {
	pool, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	err = pool.QueryRow(ctx, `select detail from leadlog.ledger where id = $1`, plan).Scan(&detail)
	return detail, err
}

// entry is a change that begins. One with a plan has the plan's id, so that finishing it later is the same entry.
func (s *System) entry(c Change) pgstore.Entry {
	e := pgstore.Entry{
		ID: c.Plan, Who: s.cfg.Who, Source: pgstore.SourceOps, Verb: c.Verb, View: c.View, Reason: c.Reason, Outcome: pgstore.Begun,
	}
	if c.Plan == uuid.Nil {
		e.ID = uuid.Must(uuid.NewV7()) // fails only without randomness
	} else {
		e.Plan = &c.Plan
	}
	return e
}

// database returns the pool of the PostgreSQL that plans and the ledger are kept in.
func (s *System) database(ctx context.Context) (*pgxpool.Pool, error) {
	if s.cfg.URLs.Database == "" {
		return nil, ErrNeedDatabase
	}
	return s.stores.Postgres(ctx)
}
