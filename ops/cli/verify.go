package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type verifyVerb struct {
	waiting
	shown
	private
	partitionsOf

	Views []string `arg:"" optional:"" name:"view" help:"leads, audit or dedup; without one, all whose stores are given."`
	Limit int      `default:"100" noenv:"" help:"The most differences of a view to name. All are counted."`
}

// Help implements kong.HelpProvider.
func (verifyVerb) Help() string {
	return `Reads the log from its start to where each view stands now, derives every row again, and compares it with what the store holds. It changes nothing, and works while traffic flows. When leads and audit are both compared with the log, they are compared with each other too.

  missing    the log says that the row must be there
  extra      the log says that it must not
  different  it is there, but not as the log says: in the columns named
  key used twice  a producer has used a record key again, which none may: the last record stands for both

Documents of audit that are 90 days old may be there or not. Of dedup, the windows that are open now are compared.

Exit code 3 when anything differs, 1 when a view could not be compared.

Examples:

  ops verify

  ops verify leads --topic phone-submitted:3,7

  ops verify -o json | jq 'select(.kind == "difference")'`
}

// Run compares, and shows a row a view and a row a difference.
func (v *verifyVerb) Run(ctx context.Context, p *process) error {
	partitions, err := v.partitions()
	if err != nil {
		return err
	}
	if partitions.Topic != "" && partitions.Topic != events.Topic {
		return flags.Usagef("--topic %s: views are made of %s alone", partitions.Topic, events.Topic)
	}
	if v.Limit < 1 {
		return flags.Usagef("--limit %d: must be above 0", v.Limit)
	}
	return v.with(ctx, p, true, func(ctx context.Context, system *control.System) error {
		if len(v.Views) == 0 {
			p.noteMissing(system)
		}
		meter := p.meter()
		report, err := system.Verify(ctx, control.Verification{
			Views: v.Views, Partitions: partitions, Limit: v.Limit, Progress: verifying(meter),
		})
		meter.end()
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted, before everything was compared; nothing was changed: %w", context.Cause(ctx))
		case err != nil:
			return misused(err)
		}
		return v.answer(p, report)
	})
}

// verifying shows how far each view is, by the time since its first record.
func verifying(m *meter) func(control.VerifyProgress) {
	var view string
	var began time.Time
	return func(at control.VerifyProgress) {
		if at.View != view {
			view, began = at.View, time.Now()
		}
		if at.All > 0 && at.Done > 0 {
			m.at(string(at.Stage)+" "+at.View, at.Done, at.All, time.Since(began))
		}
	}
}

func (v *verifyVerb) answer(p *process, report control.Report) error {
	for _, view := range report.Views {
		for _, note := range view.Notes {
			p.note("%s: %s", view.View, note)
		}
	}
	if err := v.show(p.stdout, verifiedSheet(report), crossedSheet(report), v.differenceSheet(report)); err != nil {
		return err
	}
	if err := report.Err(); err != nil {
		return err
	}
	if report.Clean() {
		return nil
	}
	for _, view := range report.Views {
		if help := helps(view); help != "" {
			p.note("NEXT: %s", help)
		}
	}
	return differences("not every view is as the log says")
}

func verifiedSheet(report control.Report) sheet {
	s := sheet{kind: "view", columns: []string{
		"view", "partitions", "events", "rows", "missing", "extra", "different", "took", "events_per_second", "error", "keys_used_twice",
	}}
	for _, view := range report.Views {
		if view.Err != nil {
			s.add(view.View, nil, nil, nil, nil, nil, nil, view.Took, nil, reason(view.Err), nil)
			continue
		}
		rate := int64(float64(view.Events) / max(view.Took.Seconds(), 0.001))
		s.add(view.View, view.Partitions, view.Events, view.Rows, view.Missing, view.Extra, view.Different, view.Took, rate, nil, view.KeysUsedTwice)
	}
	return s
}

func crossedSheet(report control.Report) sheet {
	s := sheet{kind: "leads_against_audit", columns: []string{"in_leads_only", "in_audit_only"}}
	if report.Crossed.Done {
		s.add(report.Crossed.OnlyInLeads, report.Crossed.OnlyInAudit)
	}
	return s
}

func (v *verifyVerb) differenceSheet(report control.Report) sheet {
	s := sheet{kind: "difference", columns: []string{"view", "difference", "partition", "offset", "record_id", "phone", "columns"}}
	add := func(found []control.Difference) {
		for _, d := range found {
			var columns any
			if len(d.Columns) > 0 {
				columns = d.Columns
			}
			s.add(d.View, string(d.Kind), d.Partition, known(d.Offset), id(d.RecordID), blank(v.phone(d.Phone)), columns)
		}
	}
	for _, view := range report.Views {
		add(view.Differences)
	}
	add(report.Crossed.Differences)
	return s
}

// helps is the command that mends a view: a rewind where one partition differs, and where more do, or rows stand
// where no rewind reaches, a rebuild. A view that
// folds in place is only ever rewound, and a key of it that no event explains goes by itself.
func helps(view control.Verified) string {
	switch {
	case view.Count() == 0:
		return ""
	case view.View == "dedup" && view.Missing+view.Different == 0:
		return "the extra keys of dedup go when their windows are over; until then the edge answers `duplicate` for those phones"
	case view.View == "dedup":
		return "ops rewind dedup --by-duration 24h"
	case view.Count() == view.KeysUsedTwice:
		return "a producer has used record keys twice, which none may: the last record of a key stands for all of them, and no rewind or rebuild changes that; ops trace RECORD-ID shows who it was"
	case view.Beyond == 0 && len(view.Lowest) == 1:
		partition := slices.Collect(maps.Keys(view.Lowest))[0]
		return fmt.Sprintf("ops rewind %s --to-offset %d --topic phone-submitted:%d", view.View, max(view.Lowest[partition], 0), partition)
	}
	return "ops rebuild " + view.View
}
