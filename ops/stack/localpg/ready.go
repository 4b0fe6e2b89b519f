package localpg

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readyPoll is the pause between two attempts to connect to a server that is starting.
const readyPoll = 20 * time.Millisecond

// errStranger is what connecting returns when the server on the port isn't the one of this folder.
var errStranger = errors.New("the server that answers is not the one of this data folder")

// awaitReady returns when the server answers, or why it never will.
func (s *Server) awaitReady(ctx context.Context) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, errStranger) {
			return s.outlived(err)
		}
		select {
		case <-s.main.proc.done:
			return s.main.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL to start: %w: %w: %s", context.Cause(ctx), err, s.main.output)
		case <-poll.C:
		}
	}
}

// outlived decides between two causes of errStranger. When another program has the port, ours ends in a moment because
// of that. When ours lives on, it is the password file that belongs to another database.
func (s *Server) outlived(stranger error) error {
	grace := time.NewTimer(quitGrace)
	defer grace.Stop()
	select {
	case <-s.main.proc.done:
		return s.main.failure()
	case <-grace.C:
		return fmt.Errorf("%s doesn't fit the database beside it: %w", passwordFile(s.cfg.DataDir), stranger)
	}
}

// ping connects and asks the server where its data is: a port picked a moment ago may be a stranger's by now, one with
// the same password even, since scratch clusters are copies of one.
func (s *Server) ping(ctx context.Context) error {
	return s.withAdmin(ctx, func(conn *pgx.Conn) error {
		var dir string
		if err := conn.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&dir); err != nil {
			return err
		}
		if filepath.Clean(dir) != dataFolder(s.cfg.DataDir) {
			return fmt.Errorf("%w: it has %s", errStranger, dir)
		}
		return nil
	})
}

// makeDatabase makes Config.Database where it is missing.
func (s *Server) makeDatabase(ctx context.Context) error {
	return s.withAdmin(ctx, func(conn *pgx.Conn) error {
		var exists bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.cfg.Database).Scan(&exists)
		if err == nil && !exists {
			_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{s.cfg.Database}.Sanitize())
		}
		if err != nil {
			return fmt.Errorf("make the database %s: %w", s.cfg.Database, err)
		}
		return nil
	})
}

// withAdmin runs fn with a connection to the database that every cluster has.
func (s *Server) withAdmin(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if refused := new(pgconn.PgError); errors.As(err, &refused) && strings.HasPrefix(refused.Code, "28") {
		return fmt.Errorf("%w: %w", errStranger, err) // class 28: invalid authorization
	}
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close(ctx))
}
