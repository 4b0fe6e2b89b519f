package cli

import (
	"testing"
	"time"
)

func TestDurationsAsKafkaAndGoWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"PT1H": time.Hour, "P1D": 24 * time.Hour, "P1DT12H": 36 * time.Hour, "PT5M30.5S": 5*time.Minute + 30500*time.Millisecond,
		"p2w": 14 * 24 * time.Hour, "1h30m": 90 * time.Minute, "90m": 90 * time.Minute, "PT90M": 90 * time.Minute,
		"": 0, "P": 0, "PT": 0, "PT0S": 0, "-1h": 0, "P1M": 0, "P1Y": 0, "1 hour": 0, "PT1H ": 0, "PT99999999999999999999H": 0,
	} {
		got, err := parseDuration(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestTimesNeedAZone(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	for _, text := range []string{
		"2026-11-23T10:00:00.000+03:30", "2026-11-23T10:00:00+03:30", "2026-11-23T06:30:00Z", "2026-11-23T10:00+0330",
		"2026-11-23 06:30Z", "2026-11-23T07:30:00.000+01",
	} {
		if got, err := parseTime(text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"2026-11-23T10:00:00", "2026-11-23T10:00:00.000", "2026-11-23 10:00", "2026-11-23", "10:00Z", "now", ""} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
