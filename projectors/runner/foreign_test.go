package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"leadlog/projectors/view"
)

// limited is a view whose rows expire, or that has more of them than a rewind may take out.
type limited struct {
	view.View
	keeps time.Duration
	many  bool
}

func (l limited) Retention() time.Duration { return l.keeps }
func (l limited) Derived() view.Derived    { return crowded{l.View.Derived(), l.many} }

type crowded struct {
	view.Derived
	many bool
}

func (c crowded) Count(ctx context.Context, partition int32, from, to int64, limit int) (rows int, last int64, err error) {
	if c.many {
		return 100 * limit, from, nil // so dense that what is to be counted stands for far more
	}
	return c.Derived.Count(ctx, partition, from, to, limit)
}

// A reset with a Kafka tool is bound by the limits of `ops rewind`: beyond them it is refused, nothing goes, and the alarm
// names the command that helps.
func TestAResetWithAKafkaToolHasTheLimitsOfARewind(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		limited limited
		age     time.Duration
		refused bool
	}{
		"further back than rows are kept": {limited{keeps: 90 * 24 * time.Hour}, 89 * 24 * time.Hour, true},
		"not so far back":                 {limited{keeps: 90 * 24 * time.Hour}, 87 * 24 * time.Hour, false},
		"more rows than the threshold":    {limited{many: true}, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t)
			store := p.view
			of.limited.View = store
			p.view = of.limited
			r := p.start()
			p.leadAt(phoneIn(watched), time.Now().Add(-of.age))
			p.leads(2, watched)
			p.awaitRows(3)
			r.stop()
			before := p.position()
			p.commit(0)
			p.start()
			told := <-p.resets
			if refused := told.Refused != ""; refused != of.refused {
				t.Fatalf("%+v", told)
			}
			if !of.refused {
				p.awaitRows(3)
				return
			}
			if !strings.Contains(told.Refused, "ops rebuild leads") || told.To != 0 || told.From != before.Next {
				t.Errorf("%+v", told)
			}
			p.await("the alarm", func() bool { return strings.HasPrefix(p.alarm(), view.Notice) })
			if at := p.position(); at.Next != before.Next || at.Cause != before.Cause || p.rows() != 3 {
				t.Errorf("%d rows, at %+v", p.rows(), at)
			}
			if at, metadata := p.committed(); at != before.Next || metadata == "" {
				t.Errorf("committed is %d, %q", at, metadata)
			}
		})
	}
}
