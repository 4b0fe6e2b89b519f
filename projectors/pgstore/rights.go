package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Inherit gives a version of a view's tables the owner and the grants that those of the active version have, as far as it
// lacks them. Whoever builds it is often another role than the one that the projectors, or readers, come as.
func (t Tables) Inherit(ctx context.Context, version int) error {
	active, err := VersionOf(ctx, t.Pool, t.Projection, t.Public)
	if err != nil || active == version {
		return err
	}
	err = pgx.BeginFunc(ctx, t.Pool, func(tx pgx.Tx) error { return t.inherit(ctx, tx, active, version) })
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" { // no retry gives a right: whoever owns the tables has to do it
		return err
	}
	return Sort(err)
}

// rightsOf lists the statements that carry owners and grants over from the schema $1 to the schema $2. A table that only the
// new one has, such as a month, gets the owner of $3, the view's own table.
const rightsOf = `with old as (select * from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')),
	fresh as (select * from pg_class where relnamespace = to_regnamespace($2) and relkind in ('r', 'p')),
	grants (what, privilege, grantee, grantable) as (
		select format('schema %I', $2::text), a.privilege_type, a.grantee, a.is_grantable
			from pg_namespace n, aclexplode(n.nspacl) a where n.oid = to_regnamespace($1)
		union all select format('table %I.%I', $2::text, f.relname), a.privilege_type, a.grantee, a.is_grantable
			from fresh f join old o using (relname), aclexplode(o.relacl) a
		union all select format('table %I.%I', $2::text, f.relname), a.privilege_type || format(' (%I)', c.attname), a.grantee, a.is_grantable
			from fresh f join old o using (relname) join pg_attribute c on c.attrelid = o.oid, aclexplode(c.attacl) a)
select statement from (
	select 1 as place, format('alter schema %I owner to %s', $2::text, o.nspowner::regrole) as statement
		from pg_namespace o, pg_namespace f
		where o.oid = to_regnamespace($1) and f.oid = to_regnamespace($2) and o.nspowner <> f.nspowner
	union all select 2, format('alter table %I.%I owner to %s', $2::text, f.relname, owner::regrole)
		from fresh f, lateral (select coalesce(
			(select o.relowner from old o where o.relname = f.relname), (select o.relowner from old o where o.relname = $3)) as owner) w
		where owner <> f.relowner
	union all select 3, format('grant %s on %s to %s%s', privilege, what, case grantee when 0 then 'public' else grantee::regrole::text end,
			case when grantable then ' with grant option' else '' end)
		from grants) s
order by place`

func (t Tables) inherit(ctx context.Context, tx pgx.Tx, from, to int) error {
	rows, err := tx.Query(ctx, rightsOf, Versioned(t.Projection, from), Versioned(t.Projection, to), t.Public)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("give version %d of %s the owner and grants of version %d: %s: %w", to, t.Projection, from, statement, err)
		}
	}
	return nil
}
