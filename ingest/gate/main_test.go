package gate

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The driver's own dialer sleeps out its second after the client is closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}
