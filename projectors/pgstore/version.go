package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"leadlog/projectors/view"
)

// Versioned is the name of the schema that holds a version of a view's tables, such as leads_v2.
func Versioned(projection string, version int) string {
	return fmt.Sprintf("%s_v%d", projection, version)
}

// VersionOf returns which version of a projection's tables a public view shows. The view itself is asked: whatever else
// remembered it could be wrong. A view that is not there yet counts as version 1, which the migrations make.
func VersionOf(ctx context.Context, pool *pgxpool.Pool, projection, public string) (int, error) {
	var schema string
	err := pool.QueryRow(ctx, `select n.nspname from pg_rewrite r
		join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
		join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p')
		join pg_namespace n on n.oid = c.relnamespace
		where r.ev_class = to_regclass($1) limit 1`, "public."+public).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return 1, nil
	}
	if err != nil {
		return 0, Sort(err)
	}
	version, err := strconv.Atoi(strings.TrimPrefix(schema, projection+"_v"))
	if err != nil {
		return 0, fmt.Errorf("the view public.%s is on the schema %s, which is no version of %s", public, schema, projection)
	}
	return version, nil
}

// Assumed is how fast PostgreSQL is taken to work a rewind off until that was measured: a tenth of what a quiet machine does.
func Assumed() view.Speed { return view.Speed{Apply: 5_000, Remove: 100_000} }
