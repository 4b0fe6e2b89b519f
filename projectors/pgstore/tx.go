package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/view"
)

// Tx is a transaction that moves a position, as a projection sees it: it reads and writes, and can't end it.
//
// Most of a lone event's time goes into talking to the server. So the transaction begins in one message with the lock of the
// position, and what nobody waits for (Later) goes in one with the commit.
type Tx struct {
	conn    *pgxpool.Conn
	pending []statement
}

type statement struct {
	sql     string
	args    []any
	explain func(error) error // may be nil
}

// settings are those of every transaction that moves a position. A worker that freezes between two messages of one keeps its
// position locked no longer than ten seconds; one that freezes within a message, until it is killed or goes on.
//
// Nothing is searched by reading a whole table. A connection makes its plans when tables are small and that looks cheap: the
// positions are one page then, and many when something keeps dead versions from being removed; a month is empty. And plans are
// made once: the planner expects ten phones where there is one, takes its generic plan to be the dearer one, and would plan the
// statement anew each time.
const settings = `select set_config('idle_in_transaction_session_timeout', '10s', true), set_config('enable_seqscan', 'off', true),
	set_config('plan_cache_mode', 'force_generic_plan', true)`

// begin starts a transaction that holds a position's row, and returns the row. The lock is the first that touches a table: whoever
// writes a view without it could be overtaken between its look and its write. Without a row it is pgx.ErrNoRows.
func (tx *Tx) begin(ctx context.Context, stream view.Stream) (stored view.Position, err error) {
	stored.Stream = stream
	batch := &pgx.Batch{}
	batch.Queue(`begin isolation level read committed`) // a statement after the lock must see what was done before it
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

// Query reads. Unlike pgx's, it may return no rows with an error.
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

// Later writes before the next statement or with the commit. explain, which may be nil, is given the error, which may be that of
// the whole message.
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

// Try runs do, and takes back what it did when it fails. failed is do's error, or that of what do wrote later; err is one of the
// savepoint's, after which the transaction can only fail.
func (tx *Tx) Try(ctx context.Context, do func() error) (failed, err error) {
	if _, err := tx.Exec(ctx, `savepoint try`); err != nil {
		return nil, err
	}
	if failed = do(); failed == nil {
		failed = tx.send(ctx)
	}
	if failed == nil {
		_, err = tx.conn.Exec(ctx, `release savepoint try`)
		return nil, err
	}
	tx.pending = nil
	_, err = tx.conn.Exec(ctx, `rollback to savepoint try`)
	return failed, err
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

// errHidden is the error of an effect that went on after one of the server's.
var errHidden = errors.New("a statement of the transaction failed, and its error was not returned")

// commit sends what is pending and ends the transaction. The server answers the commit of one in which something failed with
// "ROLLBACK", and calls that no error.
func (tx *Tx) commit(ctx context.Context) error {
	if tx.conn.Conn().PgConn().TxStatus() == 'E' {
		return errHidden
	}
	tx.Later(nil, `commit`)
	return tx.send(ctx)
}

// rollback ends what has failed. Where nobody waits any more, closing the connection does.
func (tx *Tx) rollback(ctx context.Context) {
	if tx.conn.Conn().PgConn().TxStatus() != 'I' && ctx.Err() == nil {
		_, _ = tx.conn.Exec(ctx, `rollback`) // if that fails, the pool closes the connection
	}
}
