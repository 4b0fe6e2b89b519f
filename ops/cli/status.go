package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/view"
)

type statusVerb struct {
	asking
	shown
}

// Help implements kong.HelpProvider.
func (statusVerb) Help() string {
	return `Asks the brokers and every store that is given, each for a few seconds at most. What is away is a row that says so. Exit code 3 when somebody has to look: a view is stopped, paused, unreachable, or nobody fills it, or a topic breaks its contract.

Examples:

  ops status

  ops status -o json | jq 'select(.kind == "view" and .state != "ok")'`
}

// Run shows the views, why partitions are stopped, and the topics.
func (v *statusVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		status := system.Status(ctx)
		p.noteMissing(system)
		if err := v.show(p.stdout, viewSheet(status), reasonSheet(status), topicSheet(status)); err != nil {
			return err
		}
		if !status.Healthy() {
			return differences("unhealthy")
		}
		return nil
	})
}

func viewSheet(status control.Status) sheet {
	s := sheet{kind: "view", columns: []string{"view", "state", "lag", "time_lag", "generation", "parked", "held", "next"}}
	for _, view := range status.Views {
		s.add(view.View, string(view.State), known(view.Lag), known(view.TimeLag), generations(view.Generation),
			known(view.Parked), heldPartitions(view), blank(view.Next))
	}
	return s
}

// generations shows one number when all partitions have the same, and else the lowest and the highest.
func generations(of [2]int64) any {
	low, high := of[0], of[1]
	switch {
	case low < 0:
		return nil
	case low == high:
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d-%d", low, high)
}

func heldPartitions(view control.ViewStatus) any {
	var held []string
	for _, at := range view.Held {
		held = append(held, fmt.Sprint(at.Partition))
	}
	if held == nil {
		return nil
	}
	return held
}

// reasonSheet says why: of each stopped partition, of each store and of a log that do not answer.
func reasonSheet(status control.Status) sheet {
	s := sheet{kind: "reason", columns: []string{"of", "partition", "since", "why"}}
	for _, v := range status.Views {
		if v.Err != nil {
			s.add(v.View, nil, nil, reason(v.Err))
		}
		for _, alarms := range []map[int32]view.Stopped{v.Stopped, v.Notices} {
			for _, partition := range slices.Sorted(maps.Keys(alarms)) {
				s.add(v.View, partition, alarms[partition].Since, alarms[partition].Reason)
			}
		}
	}
	if status.KafkaErr != nil {
		s.add("log", nil, nil, reason(status.KafkaErr))
	}
	return s
}

func topicSheet(status control.Status) sheet {
	s := sheet{kind: "topic", columns: []string{"topic", "contract", "why"}}
	for _, report := range status.Topics {
		s.add(report.Topic, contractOf(report), blank(waivedOf(report)))
	}
	return s
}

// contractOf is a topic's verdict in one word.
func contractOf(r broker.Report) string {
	switch {
	case !r.OK():
		return "broken"
	case len(r.With(broker.Alarm)) > 0:
		return "alarm"
	}
	return "ok"
}

// waivedOf names the rules that are not kept.
func waivedOf(r broker.Report) string {
	var lines []string
	for _, verdict := range []broker.Verdict{broker.Broken, broker.Alarm} {
		for _, f := range r.With(verdict) {
			lines = append(lines, fmt.Sprintf("%s is %s, must be %s", f.Rule, f.Got, f.Want))
		}
	}
	if waived := r.With(broker.Waived); len(waived) > 0 {
		var rules []string
		for _, f := range waived {
			rules = append(rules, f.Rule)
		}
		lines = append(lines, "DEV waives: "+strings.Join(rules, ", "))
	}
	return strings.Join(lines, "; ")
}
