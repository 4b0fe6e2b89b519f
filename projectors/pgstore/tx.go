package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/view"
)

// Tx is a transaction that moves a position, as a projection sees it: it reads and writes, and can't end it.
//
// Of a lone event's time most is the talk with the server. So the transaction begins in one message with the lock of the position,
// and what nobody waits for (Later) goes in one with the commit.
type Tx struct {
	conn    *pgxpool.Conn
	pending []statement
}

type statement struct {
	sql     string
	args    []any
	explain func(error) error // may be nil
}

// settings are those of every transaction that moves a position. A worker that freezes in the middle of one keeps its position
// locked no longer than ten seconds.
//
// Nothing is searched by reading a whole table. A connection makes its plans when tables are small and that looks cheap: the
// positions are one page then, and many when something keeps dead versions from being removed; a month is empty. And plans are
// made once: the planner takes one for many phones to be worse than one for the phone at hand, and would make that anew each time.
const settings = `select set_config('idle_in_transaction_session_timeout', '10s', true), set_config('enable_seqscan', 'off', true),
	set_config('plan_cache_mode', 'force_generic_plan', true)`

// rollbackWithin bounds the end of what failed. A connection that does not answer is closed, which ends it too.
const rollbackWithin = 5 * time.Second

// begin starts a transaction that holds a position's row, and returns the row. The lock is its first statement: whoever writes
// a view without it could be overtaken between its look and its write. Without a row it is pgx.ErrNoRows.
func (tx *Tx) begin(ctx context.Context, stream view.Stream) (stored view.Position, err error) {
	stored.Stream = stream
	batch := &pgx.Batch{}
	batch.Queue(`begin`)
	batch.Queue(settings)
	batch.Queue(lockRow, stream.Projection, stream.Topic, stream.Partition)
	results := tx.conn.SendBatch(ctx, batch)
	for range batch.Len() - 1 {
		if _, err = results.Exec(); err != nil {
			_ = results.Close() // says the same
			return stored, err
		}
	}
	err = results.QueryRow().Scan(fields(&stored)...)
	if closed := results.Close(); err == nil {
		err = closed
	}
	return stored, err
}

// Query reads.
func (tx *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := tx.send(ctx); err != nil {
		return nil, err
	}
	return tx.conn.Query(ctx, sql, args...)
}

// Exec writes.
func (tx *Tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := tx.send(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return tx.conn.Exec(ctx, sql, args...)
}

// Later writes before the next statement or the commit, in one message with it. explain, which may be nil, is given the error.
func (tx *Tx) Later(explain func(error) error, sql string, args ...any) {
	tx.pending = append(tx.pending, statement{sql, args, explain})
}

// CopyFrom writes many rows.
func (tx *Tx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if err := tx.send(ctx); err != nil {
		return 0, err
	}
	return tx.conn.CopyFrom(ctx, table, columns, rows)
}

// Try runs do, and takes back what it did when it fails.
func (tx *Tx) Try(ctx context.Context, do func() error) error {
	if _, err := tx.Exec(ctx, `savepoint try`); err != nil {
		return err
	}
	if err := do(); err != nil {
		_, undone := tx.conn.Exec(ctx, `rollback to savepoint try`)
		return errors.Join(err, undone)
	}
	_, err := tx.Exec(ctx, `release savepoint try`)
	return err
}

// send sends what is pending.
func (tx *Tx) send(ctx context.Context) error {
	if len(tx.pending) == 0 {
		return nil
	}
	statements, batch := tx.pending, &pgx.Batch{}
	tx.pending = nil
	for _, s := range statements {
		batch.Queue(s.sql, s.args...)
	}
	results := tx.conn.SendBatch(ctx, batch)
	for _, s := range statements {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // says the same
			if s.explain != nil {
				err = s.explain(err)
			}
			return err
		}
	}
	return results.Close()
}

// commit ends the transaction. The server would answer it with "ROLLBACK", and no error, where something has failed; the move of
// the position, which stands before it, fails then.
func (tx *Tx) commit(ctx context.Context) error {
	tx.Later(nil, `commit`)
	return tx.send(ctx)
}

// rollback ends what has failed.
func (tx *Tx) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWithin)
	defer cancel()
	_, _ = tx.conn.Exec(ctx, `rollback`) // if that fails, the pool closes the connection
}
