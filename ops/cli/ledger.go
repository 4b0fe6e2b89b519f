package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/projectors/pgstore"
)

type ledgerVerb struct {
	asking
	shown

	Limit int `default:"50" noenv:"" help:"How many of the latest changes."`
}

// Help implements kong.HelpProvider.
func (ledgerVerb) Help() string {
	return `Every change that a person made: who, when, what, why, and to which rows. The newest come first. A change that stands as begun was interrupted, and can be finished: ops VERB --execute --plan ID. The source "kafka tool" is an offset that somebody committed into a view's group.

Examples:

  ops ledger

  ops ledger --limit 500 -o json | jq 'select(.verb == "rewind")'`
}

// Run shows the latest changes.
func (v *ledgerVerb) Run(ctx context.Context, p *process) error {
	if v.Limit <= 0 {
		return flags.Usagef("--limit %d: must be above 0", v.Limit)
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		entries, err := system.Ledger(ctx, v.Limit)
		if errors.Is(err, control.ErrNeedDatabase) {
			return flags.UsageError{Err: err}
		}
		if err != nil {
			return err
		}
		s := sheet{columns: []string{"time", "who", "source", "verb", "view", "outcome", "reason", "plan", "detail"}}
		for _, e := range entries {
			s.add(e.At, blank(e.Who), e.Source, e.Verb, blank(e.View), string(e.Outcome), blank(oneLine(e.Reason)), planOf(e), v.detail(e))
		}
		if len(entries) == 0 {
			p.note("nobody has changed anything yet")
		}
		return v.show(p.stdout, s)
	})
}

func planOf(e pgstore.Entry) any {
	if e.Plan == nil {
		return nil
	}
	return e.Plan.String()
}

// detail is JSON where it is shown as JSON, and else its members in a line.
func (v *ledgerVerb) detail(e pgstore.Entry) any {
	if v.Output == "json" {
		return e.Detail
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(e.Detail, &members); err != nil {
		return string(e.Detail)
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		texts = append(texts, fmt.Sprintf("%s: %s", name, strings.Trim(string(members[name]), `"`)))
	}
	return blank(strings.Join(texts, "; "))
}
