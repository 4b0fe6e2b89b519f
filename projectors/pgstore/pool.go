package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/view"
)

// Open returns a pool for a postgres:// URL, the value of DATABASE_URL. It does not connect. conns bounds the connections
// that the pool may hold.
func Open(ctx context.Context, url, application string, conns int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's error repeats the URL, and with it perhaps the password.
		return nil, errors.New("DATABASE_URL is not a PostgreSQL URL such as postgres://user:password@host:5432/leadlog")
	}
	cfg.MaxConns = conns
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.RuntimeParams["application_name"] = application
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return pool, nil
}

// Refused says that the server answered, and will not let us in however often we ask: a wrong password, role or database.
func Refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "28") || pg.Code == "3D000")
}

// Sort gives a driver's error its place in the runner's vocabulary. What the server says of the data itself (class 22, data
// exception, and 23, integrity) stays what it is: no retry can help. Everything else may pass: no connection, a deadlock,
// a full disk, a table that `ops init` has yet to make.
func Sort(err error) error {
	if err == nil || view.Known(err) {
		return err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("%w: PostgreSQL (DATABASE_URL): %w", view.ErrStoreDown, err)
	}
	switch pg.Code[:2] {
	case "22", "23":
		return fmt.Errorf("PostgreSQL refuses the data: %s (SQLSTATE %s, table %s, constraint %s)",
			pg.Message, pg.Code, pg.TableName, pg.ConstraintName)
	case "3F", "42":
		return fmt.Errorf("%w: PostgreSQL (DATABASE_URL) lacks a table or a right, run `ops init`: %w", view.ErrStoreDown, err)
	}
	return fmt.Errorf("%w: PostgreSQL (DATABASE_URL): %w", view.ErrStoreDown, err)
}
