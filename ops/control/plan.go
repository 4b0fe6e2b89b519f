package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"leadlog/projectors/pgstore"
)

// PlanLife is how long a plan can be executed. What was shown a while ago should be looked at again.
const PlanLife = time.Hour

// Errors about plans. Each says what to do next.
var (
	// ErrNoPlan is returned for an id that no dry run has given, or whose hour is over.
	ErrNoPlan = errors.New("no such plan, or its hour is over: run the command again without --execute")
	// ErrPlanStale is returned when what a plan was made for does not hold any more. Nothing was changed.
	ErrPlanStale = errors.New("the plan does not fit any more: run the command again without --execute")
	// ErrNeedDatabase is returned when a change is asked for and there is nowhere to write it down.
	ErrNeedDatabase = errors.New("DATABASE_URL is not set: plans and the ledger of changes are kept in PostgreSQL")
)

// keepPlan stores what a dry run would do, and returns its id. body is JSON.
func (s *System) keepPlan(ctx context.Context, verb, view string, body any) (uuid.UUID, error) {
	pool, err := s.database(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return uuid.Nil, fmt.Errorf("plan: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("plan: %w", err)
	}
	// Those that nobody has begun and nobody can begin any more are of no use.
	_, err = pool.Exec(ctx, `with old as (delete from leadlog.plan p where expires_at < now() - interval '1 day'
			and not exists (select from leadlog.ledger l where l.plan = p.id))
		insert into leadlog.plan (id, expires_at, verb, view, body) values ($1, now() + $2, $3, $4, $5)`,
		id, PlanLife, verb, view, text)
	if err != nil {
		return uuid.Nil, fmt.Errorf("keep the plan: %w", withCause(ctx, pgstore.Sort(err)))
	}
	return id, nil
}

// usePlan reads a plan into body, and returns the view that it is about. A plan that was begun can always be taken up again,
// however long ago: that is how an interrupted change is finished.
func (s *System) usePlan(ctx context.Context, id uuid.UUID, verb string, body any) (view string, err error) {
	pool, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	var text []byte
	var planned string
	err = pool.QueryRow(ctx, `select verb, view, body from leadlog.plan p where id = $1
		and (expires_at > now() or exists (select from leadlog.ledger l where l.plan = p.id))`, id).Scan(&planned, &view, &text)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", fmt.Errorf("plan %s: %w", id, ErrNoPlan)
	case err != nil:
		return "", fmt.Errorf("read the plan: %w", withCause(ctx, pgstore.Sort(err)))
	case planned != verb:
		return "", fmt.Errorf("plan %s is one of `ops %s`, not of `ops %s`", id, planned, verb)
	}
	if err := json.Unmarshal(text, body); err != nil {
		return "", fmt.Errorf("plan %s: %w", id, err)
	}
	return view, nil
}
