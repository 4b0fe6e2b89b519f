package cli

import (
	"context"

	"leadlog/ops/control"
	"leadlog/ops/stack"
	"leadlog/projectors/catalog"
)

// record makes a change of the page, and writes it down in the ledger of the same stack. Whoever may write the bucket need not
// be let into the database: without one the change is made all the same, and that is said.
func (t *siteTarget) record(
	ctx context.Context, p *process, verb string, do func(context.Context) (detail map[string]any, err error),
) error {
	database := p.getenv("DATABASE_URL")
	if t.S3Endpoint == "" { // the stack of `ops up`
		env, err := stack.ReadEnv(t.DataDir)
		if err != nil {
			return err
		}
		database = env.DatabaseURL
	}
	if database == "" {
		p.note("note: this is not in the ledger of changes: DATABASE_URL is not set")
		_, err := do(ctx)
		return err
	}
	system, err := control.Open(control.Config{URLs: catalog.URLs{Database: database}, Who: p.who()})
	if err != nil {
		return err
	}
	defer system.Close()
	return system.Record(ctx, control.Change{Verb: verb}, do)
}
