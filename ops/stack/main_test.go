package stack

import (
	"testing"

	"leadlog/ops/stack/localpg/tempdir"
)

func TestMain(m *testing.M) { tempdir.Main(m) }
