package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A flood is told by one line every 10 s, and none of it is left uncounted.
func TestAComplaintIsOneLineInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		c := NewComplaint(slog.New(slog.NewTextHandler(&said, nil)), "it went wrong")
		began := time.Now()
		for range 2500 {
			c.About(errors.New("a reason"))
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		}
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines in 25 s:\n%s", len(lines), said.String())
		}
		second := began.Add(10 * time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
		for _, want := range []string{`msg="it went wrong"`, "count=1000", "since=" + second, `err="a reason"`} {
			if !strings.Contains(lines[1], want) {
				t.Errorf("the second line lacks %s: %s", want, lines[1])
			}
		}
	})
}
