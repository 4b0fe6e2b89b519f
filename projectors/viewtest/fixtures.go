package viewtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/audit"
	"leadlog/projectors/dedup"
	"leadlog/projectors/leads"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

// Leads is the lead table, in a PostgreSQL database of its own.
func Leads(t *testing.T) Subject {
	t.Helper()
	url, pool := LeadTables(t)
	subject := onPostgres(pool, leads.New(pool, pool))
	subject.Draft = func(t *testing.T, version int) view.View {
		t.Helper()
		if err := leads.Migrate(t.Context(), url, version); err != nil {
			t.Fatal(err)
		}
		return view.Bind(pgstore.New(pool), leads.NewDraft(pool, pool, version), 0)
	}
	return subject
}

// AuditOnPostgres is the audit log as JSONB, in a PostgreSQL database of its own.
func AuditOnPostgres(t *testing.T) Subject {
	t.Helper()
	url, pool := AuditTables(t)
	subject := onPostgres(pool, audit.NewPostgres(pool))
	subject.Draft = func(t *testing.T, version int) view.View {
		t.Helper()
		if err := audit.MigratePostgres(t.Context(), url, version); err != nil {
			t.Fatal(err)
		}
		return view.Bind(pgstore.New(pool), audit.NewPostgresDraft(pool, version), 0)
	}
	return subject
}

// AuditOnMongo is the audit log in a database of its own in what MONGODB_URI names; without it the test is skipped.
func AuditOnMongo(t *testing.T) Subject {
	t.Helper()
	db := mongotest.New(t)
	if err := audit.MigrateMongo(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	projection := audit.NewMongo(db)
	positions := db.Collection("positions")
	return Subject{
		View: view.Bind(mongostore.New(db), projection, 0),
		Draft: func(t *testing.T, version int) view.View {
			t.Helper()
			if err := audit.MigrateMongoDraft(t.Context(), db, version); err != nil {
				t.Fatal(err)
			}
			return view.Bind(mongostore.New(db), audit.NewMongoDraft(db, version), 0)
		},
		RemovePosition: func(ctx context.Context, s view.Stream) error {
			_, err := positions.DeleteOne(ctx, bson.M{"_id": s.String()})
			return err
		},
	}
}

// Dedup is the dedup view on an empty Redis.
func Dedup(client *redis.Client) Subject {
	projection := dedup.New(client)
	key := func(s view.Stream) string {
		return fmt.Sprintf("leadlog:position:%s:%s:%d", s.Projection, s.Topic, s.Partition)
	}
	return Subject{
		View:           view.Bind(redisstore.New(client), projection, dedup.Reach),
		RemovePosition: func(ctx context.Context, s view.Stream) error { return client.Del(ctx, key(s)).Err() },
		InPlace:        true,
	}
}

// What the tests of a package get copies of: the first version of each view's tables, beside those that views share.
//
//nolint:gochecknoglobals // made once for all tests of a package
var (
	leadTables  = pgtest.NewTemplate(withShared(leads.Migrate))
	auditTables = pgtest.NewTemplate(withShared(audit.MigratePostgres))
)

func withShared(migrate func(ctx context.Context, url string, version int) error) func(context.Context, string) error {
	return func(ctx context.Context, url string) error {
		if err := pgstore.Migrate(ctx, url); err != nil {
			return err
		}
		return migrate(ctx, url, 1)
	}
}

// LeadTables returns the URL of a PostgreSQL database with the tables of leads, and a pool on it.
func LeadTables(t testing.TB) (string, *pgxpool.Pool) {
	t.Helper()
	return open(t, leadTables)
}

// AuditTables returns the URL of a PostgreSQL database with the tables of the audit log, and a pool on it.
func AuditTables(t testing.TB) (string, *pgxpool.Pool) {
	t.Helper()
	return open(t, auditTables)
}

func open(t testing.TB, template *pgtest.Template) (string, *pgxpool.Pool) {
	t.Helper()
	url := template.New(t)
	pool, err := pgstore.Open(t.Context(), url, "leadlog-test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return url, pool
}

func onPostgres(pool *pgxpool.Pool, projection view.Projection[*pgstore.Tx]) Subject {
	return Subject{
		View: view.Bind(pgstore.New(pool), projection, 0),
		RemovePosition: func(ctx context.Context, s view.Stream) error {
			_, err := pool.Exec(ctx, `delete from leadlog.position where projection = $1 and topic = $2 and partition = $3`,
				s.Projection, s.Topic, s.Partition)
			return err
		},
	}
}
