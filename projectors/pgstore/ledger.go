package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Outcome of a change.
type Outcome string

// The outcomes. One that stays Begun was interrupted: its plan can be executed again.
const (
	Begun  Outcome = "begun"
	Done   Outcome = "done"
	Failed Outcome = "failed"
)

// Sources of changes.
const (
	SourceOps       = "ops"
	SourceKafkaTool = "kafka tool" // an offset that a person committed into a projection's group
)

// Entry is a change that a person made.
type Entry struct {
	ID      uuid.UUID // the plan's, where there is one
	At      time.Time // when it began; zero is now
	Ended   *time.Time
	Who     string // such as maria@db1
	Source  string
	Verb    string
	View    string // empty for what is about none
	Plan    *uuid.UUID
	Reason  string
	Outcome Outcome
	Detail  json.RawMessage // an object: which rows, and why it failed
}

// Ledger is the table leadlog.ledger: every change that a person made, for ever.
type Ledger struct{ pool *pgxpool.Pool }

// NewLedger returns the ledger of a database that Migrate has prepared.
func NewLedger(pool *pgxpool.Pool) Ledger { return Ledger{pool} }

// Write adds an entry. One with the same id is there already when an interrupted change is taken up again: then its outcome
// and detail are replaced, and it keeps who began it and why.
func (l Ledger) Write(ctx context.Context, e Entry) error {
	if e.Detail == nil {
		e.Detail = json.RawMessage(`{}`)
	}
	_, err := l.pool.Exec(ctx, `insert into leadlog.ledger (id, at, ended_at, who, source, verb, view, plan, reason, outcome, detail)
		values ($1, now(), case when $8 <> 'begun' then now() end, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (id) do update set outcome = excluded.outcome, detail = excluded.detail, ended_at = excluded.ended_at`,
		e.ID, e.Who, e.Source, e.Verb, e.View, e.Plan, e.Reason, e.Outcome, e.Detail)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", Sort(err))
	}
	return nil
}

// Note adds an entry unless there is one with its id: what is told a second time, by whoever knows less of it, changes nothing.
func (l Ledger) Note(ctx context.Context, e Entry) error {
	_, err := l.pool.Exec(ctx, `insert into leadlog.ledger (id, at, ended_at, who, source, verb, view, plan, reason, outcome, detail)
		values ($1, now(), now(), $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
		e.ID, e.Who, e.Source, e.Verb, e.View, e.Plan, e.Reason, e.Outcome, e.Detail)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", Sort(err))
	}
	return nil
}

// Entries returns the latest changes, the newest first.
func (l Ledger) Entries(ctx context.Context, limit int) ([]Entry, error) {
	rows, err := l.pool.Query(ctx, `select id, at, ended_at, who, source, verb, view, plan, reason, outcome, detail
		from leadlog.ledger order by at desc, id desc limit $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", Sort(err))
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
	return entries, Sort(err)
}
