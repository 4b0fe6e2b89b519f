package cli

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/flags"
)

// rewindTarget is the flags that say where a rewind leads to, as kafka-consumer-groups has them.
type rewindTarget struct {
	ToDatetime string `noenv:"" placeholder:"TIME" help:"To the first record at or after this time, such as 2026-11-23T10:00:00Z or 2026-11-23T10:00:00.000+03:30."`
	ByDuration string `noenv:"" placeholder:"PT1H" help:"To the first record as young as this, such as PT1H, P1DT12H, 90m or 1h30m."`
	ShiftBy    *shift `noenv:"" placeholder:"-N" help:"Back by so many offsets, in each partition."`
	ToOffset   *int64 `noenv:"" placeholder:"N" help:"To this offset, in each partition that --topic names."`
	ToEarliest bool   `noenv:"" help:"To the log's start."`
	ToLatest   bool   `noenv:"" hidden:"" help:"Refused: nothing is ever skipped by a rewind."`
}

// shift is a number that may begin with a dash, as one that leads back does.
type shift int64

// Decode implements kong.MapperValue: to kong itself -5 would be a flag.
func (s *shift) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	n, err := strconv.ParseInt(token.String(), 10, 64)
	if err != nil {
		return flags.Usagef("--shift-by %q: must be a number below 0, such as -100", token.String())
	}
	*s = shift(n)
	return nil
}

// aim returns what the flags say, or nil when none is given.
func (f rewindTarget) aim() (*control.RewindTarget, error) {
	if f.ToLatest {
		return nil, flags.Usagef("--to-latest would skip what is not applied yet, and nothing is ever skipped by a rewind. " +
			"To pass over records for good: ops skip --topic phone-submitted:N --to-offset N. To look at the end: ops lag")
	}
	var given []control.RewindTarget
	if f.ToDatetime != "" {
		t, err := parseTime(f.ToDatetime)
		if err != nil {
			return nil, err
		}
		given = append(given, control.RewindTarget{Kind: control.ToTime, Time: t})
	}
	if f.ByDuration != "" {
		d, err := parseDuration(f.ByDuration)
		if err != nil {
			return nil, err
		}
		given = append(given, control.RewindTarget{Kind: control.ByDuration, Back: d})
	}
	if f.ShiftBy != nil {
		if *f.ShiftBy >= 0 {
			return nil, flags.Usagef("--shift-by %d leads forwards: a rewind takes a number below 0; to pass over records for good: ops skip", *f.ShiftBy)
		}
		given = append(given, control.RewindTarget{Kind: control.ShiftBy, Number: int64(*f.ShiftBy)})
	}
	if f.ToOffset != nil {
		given = append(given, control.RewindTarget{Kind: control.ToOffset, Number: *f.ToOffset})
	}
	if f.ToEarliest {
		given = append(given, control.RewindTarget{Kind: control.ToEarliest})
	}
	switch len(given) {
	case 0:
		return nil, nil
	case 1:
		return &given[0], nil
	}
	return nil, flags.Usagef("more than one target: give one of --to-datetime, --by-duration, --shift-by, --to-offset, --to-earliest")
}

// parseTime reads RFC 3339, and what ISO 8601 allows beside it. A time without a zone is two times: which one was meant is not
// guessed.
func parseTime(text string) (time.Time, error) {
	plain := strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	days := []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}
	for _, day := range days {
		for _, zone := range []string{"Z07:00", "Z0700", "Z07"} {
			if t, err := time.Parse(day+zone, plain); err == nil {
				return t, nil
			}
		}
	}
	for _, day := range append(days, "2006-01-02") {
		if t, err := time.ParseInLocation(day, plain, time.Local); err == nil {
			const shown = "2006-01-02T15:04:05.999Z07:00"
			asUTC := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			return t, flags.Usagef("--to-datetime %s has no zone: is it %s, or here %s?", text, asUTC.Format(shown), t.Format("2006-01-02T15:04:05.999-07:00"))
		}
	}
	return time.Time{}, flags.Usagef("--to-datetime %q is not a time such as 2026-11-23T10:00:00Z", text)
}

// parseDuration reads ISO 8601 as Kafka's tools do (days, hours, minutes, seconds), and Go's form.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = isoDuration(text)
	}
	switch {
	case err != nil:
		return 0, flags.Usagef("--by-duration %q is not a duration such as PT1H, P1DT12H or 90m", text)
	case d <= 0:
		return 0, flags.Usagef("--by-duration %s: must be above 0", text)
	}
	return d, nil
}

func isoDuration(text string) (time.Duration, error) {
	parts := regexp.MustCompile(`(?i)^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`).FindStringSubmatch(text)
	if parts == nil {
		return 0, strconv.ErrSyntax
	}
	var all time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(parts[i+1], 64)
		if err != nil || n*float64(unit) > float64(100*365*24*time.Hour) {
			return 0, strconv.ErrRange
		}
		all += time.Duration(n * float64(unit))
	}
	return all, nil
}

// partitionsOf is the flag of every verb that is about some partitions.
type partitionsOf struct {
	Topic string `noenv:"" placeholder:"phone-submitted:3,7" help:"Only these partitions; without it, all of them."`
}

// partitions reads a topic and its partitions: t, or t:3,7.
func (f partitionsOf) partitions() (control.Partitions, error) {
	if f.Topic == "" {
		return control.Partitions{}, nil
	}
	topic, list, some := strings.Cut(f.Topic, ":")
	of := control.Partitions{Topic: topic}
	if !some {
		return of, nil
	}
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
		if err != nil || n < 0 {
			return of, flags.Usagef("--topic %q: must be a topic and its partitions, such as %s:3,7", f.Topic, events.Topic)
		}
		of.Numbers = append(of.Numbers, int32(n))
	}
	return of, nil
}
