// Package catalog is the visible list of all projections: what main runs, and what the tools know. A new projection is one
// small type and one entry here.
package catalog

import (
	"context"
	"fmt"
	"strings"

	"leadlog/ops/flags"
	"leadlog/projectors/audit"
	"leadlog/projectors/dedup"
	"leadlog/projectors/leads"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

// Entry declares a projection: where it can live, and how to make its tables and its view.
type Entry struct {
	Name    string
	Needs   string // the variables that it needs, for people
	Has     func(URLs) bool
	Migrate func(context.Context, *Stores) error
	Open    func(context.Context, *Stores) (view.View, error)
	// Versions is nil for a view that is folded again in place.
	Versions *Versions
}

// All lists the projections, in the order in which they are shown.
func All() []Entry {
	return []Entry{
		{
			Name: leads.Name, Needs: "DATABASE_URL",
			Has:      func(u URLs) bool { return u.Database != "" },
			Migrate:  migrateLeads,
			Open:     openLeads,
			Versions: &Versions{Tables: leadTables, Open: openLeadsDraft},
		},
		{
			Name: audit.Name, Needs: "MONGODB_URI (or DATABASE_URL)",
			Has:      func(u URLs) bool { return u.Mongo != "" || u.Database != "" },
			Migrate:  migrateAudit,
			Open:     openAudit,
			Versions: &Versions{Tables: auditTables, Open: openAuditDraft},
		},
		{
			Name: dedup.Name, Needs: "REDIS_URL",
			Has:     func(u URLs) bool { return u.Redis != "" },
			Migrate: func(context.Context, *Stores) error { return nil }, // keys need no tables
			Open:    openDedup,
		},
	}
}

// migrateLeads brings the version that everybody reads up to date; the first time, that makes it.
func migrateLeads(ctx context.Context, s *Stores) error {
	pool, err := s.Postgres(ctx)
	if err != nil {
		return err
	}
	version, err := pgstore.VersionOf(ctx, pool, leads.Name, leads.Public)
	if err != nil {
		return err
	}
	return leads.Migrate(ctx, s.URLs.Database, version)
}

func openLeads(ctx context.Context, s *Stores) (view.View, error) {
	pool, err := s.Postgres(ctx)
	if err != nil {
		return nil, err
	}
	aside, err := s.aside(ctx)
	if err != nil {
		return nil, err
	}
	return view.Bind(pgstore.New(pool), leads.New(pool, aside), 0), nil
}

// The audit log lives in MongoDB where there is one, and else in PostgreSQL.
func migrateAudit(ctx context.Context, s *Stores) error {
	if s.URLs.Mongo == "" {
		return migrateAuditPostgres(ctx, s)
	}
	db, err := s.Mongo(ctx)
	if err != nil {
		return err
	}
	return audit.MigrateMongo(ctx, db)
}

func migrateAuditPostgres(ctx context.Context, s *Stores) error {
	pool, err := s.Postgres(ctx)
	if err != nil {
		return err
	}
	version, err := pgstore.VersionOf(ctx, pool, audit.Name, audit.Public)
	if err != nil {
		return err
	}
	return audit.MigratePostgres(ctx, s.URLs.Database, version)
}

func openAudit(ctx context.Context, s *Stores) (view.View, error) {
	if s.URLs.Mongo == "" {
		pool, err := s.Postgres(ctx)
		if err != nil {
			return nil, err
		}
		return view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0), nil
	}
	db, err := s.Mongo(ctx)
	if err != nil {
		return nil, err
	}
	return view.Bind(mongostore.New(db), audit.NewMongo(db), 0), nil
}

func openDedup(_ context.Context, s *Stores) (view.View, error) {
	client, err := s.Redis()
	if err != nil {
		return nil, err
	}
	return view.Bind(redisstore.New(client), dedup.New(client), dedup.Reach), nil
}

// Pick returns the entries with these names; none named means all. Its error is a usage error that lists the names there
// are, or the variable that is missing.
func Pick(urls URLs, names ...string) ([]Entry, error) {
	all := All()
	var known []string
	byName := make(map[string]Entry, len(all))
	for _, e := range all {
		known = append(known, e.Name)
		byName[e.Name] = e
	}
	if len(names) == 0 {
		names = known
	}
	picked := make([]Entry, 0, len(names))
	for _, name := range names {
		e, ok := byName[name]
		if !ok {
			return nil, flags.Usagef("no projection is called %q: there are %s", name, strings.Join(known, ", "))
		}
		if !e.Has(urls) {
			return nil, flags.Usagef("projection %s needs %s", name, e.Needs)
		}
		picked = append(picked, e)
	}
	return picked, nil
}

// Migrate makes the tables of every projection whose store is given, and what they share.
func Migrate(ctx context.Context, s *Stores) error {
	if s.URLs.Database != "" {
		if err := pgstore.Migrate(ctx, s.URLs.Database); err != nil {
			return err
		}
	}
	for _, e := range All() {
		if !e.Has(s.URLs) {
			continue
		}
		if err := e.Migrate(ctx, s); err != nil {
			return fmt.Errorf("projection %s: %w", e.Name, err)
		}
	}
	return nil
}
