package flags_test

import (
	"errors"
	"strings"
	"testing"

	"leadlog/ops/flags"
)

type cli struct {
	KafkaBrokers string `required:"" help:"Brokers."`
	RateLimit    int    `default:"20" help:"A minute."`
	Output       string `enum:"text,json" default:"text" noenv:"" help:"Form."`
}

func parse(env map[string]string, args ...string) (cli, string, error) {
	var c cli
	var out strings.Builder
	_, err := flags.Parse(&c, args, func(name string) string { return env[name] }, &out)
	return c, out.String(), err
}

func TestEveryFlagHasItsTwin(t *testing.T) {
	t.Parallel()
	c, _, err := parse(map[string]string{"KAFKA_BROKERS": "a:1", "RATE_LIMIT": "7"})
	if err != nil || c.KafkaBrokers != "a:1" || c.RateLimit != 7 {
		t.Fatalf("from the environment: %+v, %v", c, err)
	}
	c, _, err = parse(map[string]string{"KAFKA_BROKERS": "a:1", "RATE_LIMIT": "7"}, "--rate-limit", "9")
	if err != nil || c.RateLimit != 9 {
		t.Fatalf("the command line must win: %+v, %v", c, err)
	}
}

func TestHelpNamesTheTwinAndIsNoFailure(t *testing.T) {
	t.Parallel()
	_, out, err := parse(nil, "--help")
	if !errors.Is(err, flags.ErrHelp) || flags.Code(err) != flags.Done {
		t.Fatalf("help: %v", err)
	}
	if !strings.Contains(out, "($KAFKA_BROKERS)") {
		t.Fatalf("help does not name the variable:\n%s", out)
	}
}

func TestWhatCannotBeReadIsUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--nope"}, {"--kafka-brokers=a:1", "--rate-limit=x"}, {"--kafka-brokers=a:1", "extra"}} {
		if _, _, err := parse(nil, args...); flags.Code(err) != flags.Usage {
			t.Errorf("%v: exit %d (%v), want %d", args, flags.Code(err), err, flags.Usage)
		}
	}
	_, _, err := parse(map[string]string{"KAFKA_BROKERS": "a:1", "RATE_LIMIT": "many"})
	if flags.Code(err) != flags.Usage || !strings.Contains(err.Error(), "RATE_LIMIT") {
		t.Errorf("a bad value in the environment: exit %d (%v)", flags.Code(err), err)
	}
	for _, flag := range []string{"--output=x", "--version"} {
		if _, _, err := parse(map[string]string{"KAFKA_BROKERS": "a:1"}, flag); err == nil || strings.Contains(err.Error(), "(") {
			t.Errorf("%s has no variable, and the error names one: %v", flag, err)
		}
	}
}
