package cli

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type traceVerb struct {
	asking
	shown
	private

	What  string        `arg:"" help:"A receipt, a record key, or a phone; - reads it from stdin, so that it is not in ps."`
	Since time.Duration `placeholder:"DURATION" noenv:"" help:"How far back to read the log for what no view knows: 24h, or for an id with a time in it, that time."`
	Limit int           `default:"20" noenv:"" help:"The most records of a phone to show, the newest."`
}

// Help implements kong.HelpProvider.
func (traceVerb) Help() string {
	return `Says of each record that is found where it is in the log, read from the log itself, and what each view has of it:

  found      it is there
  duplicate  rightly absent: its phone had a window open
  erased     rightly absent: a tombstone names it
  expired    rightly absent: its window, or its 90 days, are over
  skipped    rightly absent: somebody had the view pass over it, for the reason that is shown
  pending    the view has not come so far
  parked     it could not be applied, see ops dlq list
  missing    it should be there
  unreachable  its store does not say

Exit code 3 unless every view has it, or rightly has not.

Examples:

  ops trace 0199c1a0-6d1e-7c3a-9c54-0a4c1de1f0aa

  echo 09121234567 | ops trace -`
}

// Run shows each record, and what the views have of it.
func (v *traceVerb) Run(ctx context.Context, p *process) error {
	what, err := v.what(p)
	if err != nil {
		return err
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		query, err := v.query(what)
		if err != nil {
			return err
		}
		m, began := p.meter(), time.Now()
		query.Progress = func(read, all int64) { m.at("reading the log", read, all, time.Since(began)) }
		trace, err := system.Trace(ctx, query)
		m.end()
		if err != nil {
			return err
		}
		v.notes(p, system, trace)
		if err := v.records(p, trace); err != nil {
			return err
		}
		return verdictOf(trace)
	})
}

// what reads the argument, or stdin.
func (v *traceVerb) what(p *process) (string, error) {
	what := v.What
	if what == "-" {
		line, err := bufio.NewReader(p.stdin).ReadString('\n')
		if err != nil && line == "" {
			return "", flags.Usagef("read what to trace from stdin: %w", err)
		}
		what = line
	}
	return strings.TrimSpace(what), nil
}

// query tells an id from a phone. A phone is read as the edge reads it.
func (v *traceVerb) query(what string) (control.Query, error) {
	q := control.Query{Since: v.Since, Limit: v.Limit}
	if v.Since < 0 || v.Limit < 1 {
		return q, flags.Usagef("--since must not be below 0, and --limit not below 1")
	}
	if id, err := uuid.Parse(what); err == nil {
		if id == uuid.Nil {
			return q, flags.Usagef("the nil id is nobody's")
		}
		q.ID = id
		return q, nil
	}
	target, err := v.resolve()
	if err != nil {
		return q, err
	}
	if q.Phone, err = events.NormalizePhone(what, target.phoneRegion); err != nil {
		return q, flags.Usagef("neither an id nor a phone number as the edge takes them (%w)", err)
	}
	return q, nil
}

func (v *traceVerb) notes(p *process, system *control.System, trace control.Trace) {
	p.noteMissing(system)
	if trace.More {
		p.note("there are older records: --limit shows more than %d", v.Limit)
	}
	if len(trace.Records) == 0 {
		for _, view := range slices.Sorted(maps.Keys(trace.Away)) {
			p.note("view %s could not be asked: %s", view, reason(trace.Away[view]))
		}
		p.note("not in any view that answered, and not among the %d records of the log since %s: --since reads further back",
			trace.Read, trace.From.UTC().Format(time.RFC3339))
	}
}

// records shows one record below the other: in a table, each with a small one of its views.
func (v *traceVerb) records(p *process, trace control.Trace) error {
	if v.Output != "table" {
		s := sheet{columns: []string{
			"partition", "offset", "time", "record_id", "event_id", "phone", "log", "tombstone", "verdict", "poison", "views", "details",
		}}
		for _, r := range trace.Records {
			s.add(r.Partition, r.Offset, r.Time, id(r.RecordID), id(r.EventID), blank(v.phone(r.Phone)), string(r.Log), known(r.Tombstone),
				blank(string(r.Verdict)), blank(r.Poison), has(r), details(r))
		}
		return v.show(p.stdout, s)
	}
	sheets := make([]sheet, 0, 2*len(trace.Records))
	for _, r := range trace.Records {
		sheets = append(sheets, v.record(r), viewsOf(r))
	}
	return v.show(p.stdout, sheets...)
}

// record is where a record is in the log.
func (v *traceVerb) record(r control.Record) sheet {
	s := sheet{upright: true}
	s.add("log", inLog(r))
	s.add("time", fmt.Sprintf("%s (%s ago)", plain(r.Time), span(time.Since(r.Time))))
	s.add("record key", id(r.RecordID))
	s.add("receipt", id(r.EventID))
	s.add("phone", blank(v.phone(r.Phone)))
	if r.Poison != "" {
		s.add("poison", r.Poison)
	} else {
		s.add("verdict", blank(string(r.Verdict)))
	}
	return s
}

func inLog(r control.Record) string {
	where := fmt.Sprintf("%s, partition %d, offset %d", events.Topic, r.Partition, r.Offset)
	switch r.Log {
	case control.Erased:
		if r.Tombstone > r.Offset {
			return fmt.Sprintf("%s; erased by the tombstone at offset %d", where, r.Tombstone)
		}
		return where + "; erased"
	case control.Lost:
		return where + ": NOT THERE, though a view has it. Is this another cluster?"
	case control.InLog:
	}
	return where
}

func viewsOf(r control.Record) sheet {
	s := sheet{columns: []string{"view", "has", "detail"}}
	for _, h := range r.Views {
		s.add(h.View, string(h.Has), blank(oneLine(h.Detail)))
	}
	return s
}

func has(r control.Record) map[string]string {
	views := make(map[string]string, len(r.Views))
	for _, h := range r.Views {
		views[h.View] = string(h.Has)
	}
	return views
}

func details(r control.Record) map[string]string {
	views := make(map[string]string, len(r.Views))
	for _, h := range r.Views {
		if h.Detail != "" {
			views[h.View] = oneLine(h.Detail)
		}
	}
	return views
}

func id(u uuid.UUID) any {
	if u == uuid.Nil {
		return nil
	}
	return u.String()
}

// verdictOf is the exit code's part of an answer.
func verdictOf(trace control.Trace) error {
	if len(trace.Records) == 0 {
		return differences("not found")
	}
	for i := range trace.Records {
		if !trace.Records[i].Well() {
			return differences("not every view has what it should")
		}
	}
	return nil
}
