package catalog

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/audit"
	"leadlog/projectors/leads"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// Versions is how a view is built a second time beside the one that everybody reads.
type Versions struct {
	Tables func(context.Context, *Stores) (view.Tables, error)
	// Open makes the tables of a version, if they are not there, and returns its view.
	Open func(ctx context.Context, s *Stores, version int) (view.View, error)
}

func leadTables(ctx context.Context, s *Stores) (view.Tables, error) {
	pool, err := s.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	return tablesOfLeads(pool), nil
}

func tablesOfLeads(pool *pgxpool.Pool) pgstore.Tables {
	return pgstore.Tables{Pool: pool, Projection: leads.Name, Public: leads.Public, Columns: "*"}
}

func tablesOfAudit(pool *pgxpool.Pool) pgstore.Tables {
	return pgstore.Tables{Pool: pool, Projection: audit.Name, Public: audit.Public, Columns: "id, doc"}
}

func openLeadsDraft(ctx context.Context, s *Stores, version int) (view.View, error) {
	if err := leads.Migrate(ctx, s.URLs.Database, version); err != nil {
		return nil, err
	}
	pool, err := s.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	if err := tablesOfLeads(pool).Inherit(ctx, version); err != nil {
		return nil, err
	}
	aside, err := s.aside(ctx)
	if err != nil {
		return nil, err
	}
	return view.Bind(pgstore.New(pool), leads.NewDraft(pool, aside, version), 0), nil
}

func auditTables(ctx context.Context, s *Stores) (view.Tables, error) {
	if s.URLs.Mongo != "" {
		db, err := s.Mongo(ctx)
		if err != nil {
			return nil, err
		}
		return audit.MongoTables{DB: db}, nil
	}
	pool, err := s.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	return tablesOfAudit(pool), nil
}

func openAuditDraft(ctx context.Context, s *Stores, version int) (view.View, error) {
	if s.URLs.Mongo != "" {
		db, err := s.Mongo(ctx)
		if err != nil {
			return nil, err
		}
		if err := audit.MigrateMongoDraft(ctx, db, version); err != nil {
			return nil, err
		}
		return view.Bind(mongostore.New(db), audit.NewMongoDraft(db, version), 0), nil
	}
	if err := audit.MigratePostgres(ctx, s.URLs.Database, version); err != nil {
		return nil, err
	}
	pool, err := s.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	if err := tablesOfAudit(pool).Inherit(ctx, version); err != nil {
		return nil, err
	}
	return view.Bind(pgstore.New(pool), audit.NewPostgresDraft(pool, version), 0), nil
}
