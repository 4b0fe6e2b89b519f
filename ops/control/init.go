package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/catalog"
	"leadlog/projectors/pgstore"
)

// Outcome says what Init found of a thing that must be there.
type Outcome string

// The outcomes.
const (
	Created Outcome = "created"
	There   Outcome = "there" // and brought up to date, where it has migrations
	Left    Outcome = "left out"
)

// Made is a thing that must be there, and what Init did about it.
type Made struct {
	What    string // such as "topic phone-submitted", or "tables of leads"
	Outcome Outcome
	Detail  string
}

// Init makes the topics and, in every store that is given, the tables and indexes. It is idempotent, and two at once are
// fine. A topic whose deletion is still going on is waited for. An existing topic is left as it is: the reports say whether
// it keeps the contract.
//
// done is called after each thing; it may be nil. With a database, the ledger has what was made.
func (s *System) Init(ctx context.Context, done func(Made)) ([]broker.Report, error) {
	made := make(map[string]any)
	reports, failed := s.initialize(ctx, func(m Made) {
		made[m.What] = m.Outcome
		if done != nil {
			done(m)
		}
	})
	return reports, s.recordInit(ctx, made, failed)
}

// recordInit writes down what was made. That comes last, since Init makes the ledger too: where it could not even do that, the
// failure has nowhere to stand.
func (s *System) recordInit(ctx context.Context, made map[string]any, failed error) error {
	pool, err := s.database(ctx)
	if err == nil {
		err = s.close(ctx, pgstore.NewLedger(pool), s.entry(Change{Verb: "init"}), made, failed)
	}
	if failed != nil || errors.Is(err, ErrNeedDatabase) {
		return failed
	}
	return err
}

func (s *System) initialize(ctx context.Context, done func(Made)) ([]broker.Report, error) {
	var reports []broker.Report
	if s.client != nil {
		if err := s.createTopics(ctx, done); err != nil {
			return nil, err
		}
		var err error
		if reports, err = s.CheckTopics(ctx); err != nil {
			return nil, err
		}
	}
	return reports, s.migrate(ctx, done)
}

func (s *System) createTopics(ctx context.Context, done func(Made)) error {
	for _, spec := range broker.Contract() {
		created, err := broker.Create(ctx, s.client, spec, s.cfg.Dev)
		if err != nil {
			return s.kafkaError(ctx, "make the topics", err)
		}
		made := Made{What: "topic " + spec.Topic, Outcome: There}
		if created {
			made.Outcome = Created
			made.Detail = fmt.Sprintf("partitions: %d", spec.Partitions)
		}
		done(made)
	}
	return nil
}

// migrate brings every store up to date. Whether a view was there before is asked first, since migrations don't tell.
func (s *System) migrate(ctx context.Context, done func(Made)) error {
	entries := s.Entries()
	made := make([]Made, len(entries))
	for i, e := range entries {
		outcome, err := s.there(ctx, e)
		if err != nil {
			return err
		}
		made[i] = Made{What: "view " + e.Name, Outcome: outcome}
	}
	if err := catalog.Migrate(ctx, s.stores); err != nil {
		return withCause(ctx, err)
	}
	for _, m := range made {
		done(m)
	}
	for _, e := range s.Missing() {
		done(Made{What: "view " + e.Name, Outcome: Left, Detail: e.Needs + " is not set"})
	}
	return nil
}

// there says whether a view's tables were made before. Only PostgreSQL can miss one; where nothing is missing, they are
// there.
func (s *System) there(ctx context.Context, e catalog.Entry) (Outcome, error) {
	v, err := s.open(ctx, e)
	if err != nil {
		return "", err
	}
	// The first knows the view's own table, the second always asks the store.
	if _, err = v.HasRows(ctx, 0); err == nil {
		_, err = v.Positions(ctx, events.Topic)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == undefinedTable || pg.Code == undefinedSchema) {
		return Created, nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.Needs, withCause(ctx, err))
	}
	return There, nil
}

// SQLSTATEs of what is not there yet.
const (
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
)
