package viewtest_test

import (
	"leadlog/ops/stack/localpg/pgtest"
	"testing"

	"leadlog/projectors/viewtest"
)

func TestLeadsOnPostgreSQL(t *testing.T) { t.Parallel(); viewtest.Run(t, viewtest.Leads) }

func TestMain(m *testing.M) { pgtest.Main(m) }
