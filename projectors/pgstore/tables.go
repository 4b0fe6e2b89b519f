package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Tables are the versions of a view's tables in PostgreSQL. It implements view.Tables.
type Tables struct {
	Pool       *pgxpool.Pool
	Projection string // such as leads
	Public     string // the view that everybody reads
	Columns    string // of the public view
}

var _ view.Tables = Tables{}

// readersWithin is how long a swap waits for those who read the public view. Whoever comes after a waiting swap waits behind
// it, so this is also the longest that a swap delays a reader.
const readersWithin = `set local lock_timeout = '100ms'`

// Swap implements view.Tables, in one transaction. From its first lock on the old version stands still; readers see either
// version whole. What was granted since the new one was built is carried over first: nobody may have to wait for that.
func (t Tables) Swap(ctx context.Context, s view.Swap) error {
	if err := t.Inherit(ctx, s.To); err != nil {
		return err
	}
	var behind error // of the new version, not of PostgreSQL: trying again may not help
	err := pgx.BeginFunc(ctx, t.Pool, func(tx pgx.Tx) error {
		if err := t.alone(ctx, tx); err != nil {
			return err
		}
		live, err := t.lock(ctx, tx, t.Projection, s.Topic)
		if err != nil {
			return err
		}
		for _, at := range live {
			if at.Version != s.From {
				return fmt.Errorf("%w: version %d is active, not %d", view.ErrFenced, at.Version, s.From)
			}
		}
		if behind = s.CatchUp(ctx, live); behind != nil {
			return behind
		}
		failpoint.Reach("pgstore swap locked")
		draft, err := t.lock(ctx, tx, view.Draft(t.Projection, s.To), s.Topic)
		if err != nil {
			return err
		}
		if err := view.Overtakes(draft, live); err != nil {
			return err
		}
		return t.repoint(ctx, tx, s)
	})
	if behind != nil {
		return behind
	}
	return Sort(err)
}

// alone keeps swaps and drops of a view in a row: what one of them found must hold until it ends.
func (t Tables) alone(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `set local lock_timeout = '5s'; set local idle_in_transaction_session_timeout = '30s'`)
	if err == nil {
		_, err = tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('leadlog versions of ' || $1, 0))`, t.Projection)
	}
	return err
}

// lock locks a set of positions and returns it by partition.
func (t Tables) lock(ctx context.Context, tx pgx.Tx, projection, topic string) (map[int32]view.Position, error) {
	rows, err := tx.Query(ctx, `select partition, `+columns+` from leadlog.position where projection = $1 and topic = $2
		order by partition for update`, projection, topic)
	if err != nil {
		return nil, err
	}
	set := make(map[int32]view.Position)
	at := view.Position{Stream: view.Stream{Projection: projection, Topic: topic}}
	_, err = pgx.ForEachRow(rows, append([]any{&at.Partition}, fields(&at)...), func() error {
		set[at.Partition] = at
		return nil
	})
	return set, err
}

// repoint makes the new version the active one. Its positions take the name over, with generations that fence everybody; the
// old ones stay under the name of their version, held.
func (t Tables) repoint(ctx context.Context, tx pgx.Tx, s view.Swap) error {
	if _, err := tx.Exec(ctx, readersWithin); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`create or replace view public.%[1]s as select %[2]s from %[3]s.%[1]s`,
		t.Public, t.Columns, Versioned(t.Projection, s.To)))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" {
		return view.ErrReaders
	}
	if err != nil {
		return err
	}
	old, fresh := view.Draft(t.Projection, s.From), view.Draft(t.Projection, s.To)
	batch := &pgx.Batch{}
	batch.Queue(`delete from leadlog.alarm where projection in ($1, $2) and topic = $3`, t.Projection, fresh, s.Topic)
	batch.Queue(`delete from leadlog.position where projection = $1 and topic = $2`, old, s.Topic)
	batch.Queue(`update leadlog.position f set generation = greatest(f.generation, a.generation) + 1, hold = a.hold, cause = $4
		from leadlog.position a where f.projection = $1 and a.projection = $2 and f.topic = $3 and a.topic = $3 and a.partition = f.partition`,
		fresh, t.Projection, s.Topic, s.Cause)
	batch.Queue(`update leadlog.position set projection = $1, generation = generation + 1, hold = true, cause = $4
		where projection = $2 and topic = $3`, old, t.Projection, s.Topic, s.Cause)
	batch.Queue(`update leadlog.position set projection = $1 where projection = $2 and topic = $3`, t.Projection, fresh, s.Topic)
	err = tx.SendBatch(ctx, batch).Close()
	failpoint.Reach("pgstore swap repointed")
	return err
}

// Begun implements view.Tables: a transaction has no middle.
func (t Tables) Begun(context.Context, view.Swap) (bool, error) { return false, nil }

// Others implements view.Tables.
func (t Tables) Others(ctx context.Context) ([]view.Version, error) {
	active, err := VersionOf(ctx, t.Pool, t.Projection, t.Public)
	if err != nil {
		return nil, err
	}
	rows, err := t.Pool.Query(ctx, `select n.nspname, coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relkind = 'r'), 0)::bigint
		from pg_namespace n left join pg_class c on c.relnamespace = n.oid
		where n.nspname ~ ('^' || $1 || '_v[0-9]+$') group by n.nspname order by n.nspname`, t.Projection)
	if err != nil {
		return nil, Sort(err)
	}
	var others []view.Version
	var schema string
	var bytes int64
	_, err = pgx.ForEachRow(rows, []any{&schema, &bytes}, func() error {
		number, err := strconv.Atoi(strings.TrimPrefix(schema, t.Projection+"_v"))
		if err == nil && number != active {
			others = append(others, view.Version{Number: number, Where: "schema " + schema, Bytes: bytes})
		}
		return err
	})
	return others, Sort(err)
}

// Drop implements view.Tables, in one transaction: a version is never half gone.
func (t Tables) Drop(ctx context.Context, version int) error {
	return Sort(pgx.BeginFunc(ctx, t.Pool, func(tx pgx.Tx) error {
		if err := t.alone(ctx, tx); err != nil {
			return err
		}
		active, err := VersionOf(ctx, t.Pool, t.Projection, t.Public)
		if err != nil {
			return err
		}
		if active == version {
			return fmt.Errorf("%w: version %d of %s", view.ErrActive, version, t.Projection)
		}
		draft := view.Draft(t.Projection, version)
		batch := &pgx.Batch{}
		// Positions first, as every worker locks them: one that is still feeding this version ends, and there is no deadlock.
		batch.Queue(`delete from leadlog.position where projection = $1`, draft)
		batch.Queue(`delete from leadlog.alarm where projection = $1`, draft)
		batch.Queue(`drop schema if exists ` + pgx.Identifier{Versioned(t.Projection, version)}.Sanitize() + ` cascade`)
		return tx.SendBatch(ctx, batch).Close()
	}))
}
