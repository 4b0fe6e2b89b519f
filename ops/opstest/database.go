package opstest

import (
	"context"
	"testing"

	"leadlog/ops/control"
	"leadlog/ops/stack/localpg/pgtest"
	"leadlog/projectors/catalog"
)

// initialized is the database that the tests of a package get copies of.
//
//nolint:gochecknoglobals // made once for all tests of a package
var initialized = pgtest.NewTemplate(func(ctx context.Context, url string) error {
	system, err := control.Open(control.Config{URLs: catalog.URLs{Database: url}})
	if err != nil {
		return err
	}
	defer system.Close()
	_, err = system.Init(ctx, nil)
	return err
})

// Database returns the URL of a PostgreSQL database of the test's own in which `ops init` has made the tables of every view.
// The package needs TestMain as pgtest says.
func Database(t testing.TB) string {
	t.Helper()
	return initialized.New(t)
}
