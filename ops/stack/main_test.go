package stack

import (
	"testing"

	"leadlog/ops/opstest/tempdir"
)

func TestMain(m *testing.M) { tempdir.Main(m) }
