package drill_test

import (
	"flag"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"leadlog/ops/stack/localpg/pgtest"
)

// TestMain is also the projectors: a sequence starts this binary once more, so that there is a process to kill.
func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // a Redis whose connections break is what some sequences are about
	if settings := os.Getenv(projectorsEnv); settings != "" {
		os.Exit(project(settings, os.Stdin, os.Stderr))
	}
	flag.Uint64("seed", 0, "run the sequence of this seed alone")
	flag.Uint64("first", 1, "the first seed")
	flag.Uint64("sequences", 20, "how many sequences to run")
	flag.Uint64("at-once", 8, "how many sequences run at a time: they mostly wait")
	pgtest.Main(m)
}

// setting returns the value of one of the flags above.
func setting(t *testing.T, name string) uint64 {
	t.Helper()
	value, ok := flag.Lookup(name).Value.(flag.Getter).Get().(uint64) //nolint:forcetypeassert // every flag of the package is one
	if !ok {
		t.Fatalf("flag -%s is no number", name)
	}
	return value
}
