package pgstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Schema is where positions and alarms live.
const Schema = "leadlog"

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate makes the tables that every projection in this database shares. See MigrateSchema.
func Migrate(ctx context.Context, url string) error {
	return MigrateSchema(ctx, url, Schema, migrations)
}

// MigrateSchema brings one schema up to date from the migrations/ folder of its owner. Each schema has a version table of
// its own and SQL without schema names, so that a second version of a view is the same SQL in another schema. Two callers
// at once are fine: goose holds a session's advisory lock meanwhile, so url must not lead through a pooler that shares
// sessions.
func MigrateSchema(ctx context.Context, url, schema string, owner fs.FS) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("DATABASE_URL is not a PostgreSQL URL")
	}
	cfg.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*cfg)
	defer db.Close() //nolint:errcheck // only idle connections are left
	if err := createSchema(ctx, db, schema); err != nil {
		return err
	}
	dir, err := fs.Sub(owner, "migrations")
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", schema, err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120)) // every second, for two minutes
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", schema, err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations of %s: %w", schema, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema %s: %w", schema, err)
	}
	return nil
}

// createSchema makes a schema. "if not exists" does not help two callers at the same instant: one of them is told of a
// unique violation, and then the schema is there.
func createSchema(ctx context.Context, db *sql.DB, schema string) error {
	_, err := db.ExecContext(ctx, "create schema if not exists "+pgx.Identifier{schema}.Sanitize())
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "23505" || pg.Code == "42P06") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("DATABASE_URL: create schema %s: %w", schema, err)
	}
	return nil
}
