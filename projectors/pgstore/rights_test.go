package pgstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/leads"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// A version that an administrator builds belongs to whom the old one belonged to, and is read by who read that, also by what
// was granted while it was built. Else the projectors could make no month, and readers would be refused after the swap.
func TestANewVersionHasTheOwnerAndGrantsOfTheOldOne(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	pool := open(t, url)
	exec := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := pgstore.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if err := leads.Migrate(t.Context(), url, 1); err != nil {
		t.Fatal(err)
	}
	tag := uuid.NewString()[:8]
	owner, reader, late := "owner-"+tag, "reader-"+tag, "late-"+tag
	for _, role := range []string{owner, reader, late} {
		exec(fmt.Sprintf(`create role %q`, role))
	}
	exec(fmt.Sprintf(`alter schema leads_v1 owner to %q; alter table leads_v1.landing_phone owner to %[1]q; alter view public.landing_phone owner to %[1]q`, owner))
	exec(fmt.Sprintf(`grant usage on schema leads_v1 to %q; grant select on leads_v1.landing_phone to %[1]q; grant update (variant) on leads_v1.landing_phone to %[1]q`, reader))
	if err := leads.Migrate(t.Context(), url, 2); err != nil {
		t.Fatal(err)
	}
	exec(`create table leads_v2.landing_phone_2026_01 partition of leads_v2.landing_phone for values from ('2026-01-01') to ('2026-02-01')`)
	tables := pgstore.Tables{Pool: pool, Projection: leads.Name, Public: leads.Public, Columns: "*"}
	for range 2 { // the second time there is nothing to do
		if err := tables.Inherit(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
	exec(fmt.Sprintf(`grant select on leads_v1.landing_phone to %q`, late))
	for version, name := range map[int]string{1: leads.Name, 2: view.Draft(leads.Name, 2)} {
		s := view.Stream{Projection: name, Topic: events.Topic, TopicID: uuid.Max, Partition: 3}
		if err := pgstore.New(pool).Create(t.Context(), view.Position{Stream: s, Version: version}); err != nil {
			t.Fatal(err)
		}
	}
	err := tables.Swap(t.Context(), view.Swap{
		Topic: events.Topic, From: 1, To: 2, Cause: "test", CatchUp: func(context.Context, map[int32]view.Position) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var owned, used, read, wrote, came bool
	err = pool.QueryRow(t.Context(), `select
			(select bool_and(relowner = to_regrole($1)) from pg_class where relnamespace = 'leads_v2'::regnamespace and relname like 'landing_phone%' and relkind in ('r', 'p'))
				and (select nspowner = to_regrole($1) from pg_namespace where nspname = 'leads_v2'),
			has_schema_privilege($2, 'leads_v2', 'usage'),
			has_table_privilege($2, 'leads_v2.landing_phone', 'select') and not has_table_privilege($2, 'leads_v2.landing_phone', 'insert'),
			has_column_privilege($2, 'leads_v2.landing_phone', 'variant', 'update') and not has_column_privilege($2, 'leads_v2.landing_phone', 'phone', 'update'),
			has_table_privilege($3, 'leads_v2.landing_phone', 'select')`,
		fmt.Sprintf("%q", owner), reader, late).Scan(&owned, &used, &read, &wrote, &came)
	if err != nil || !owned || !used || !read || !wrote || !came {
		t.Errorf("owner %v, schema %v, table %v, column %v, granted later %v, %v", owned, used, read, wrote, came, err)
	}
}
