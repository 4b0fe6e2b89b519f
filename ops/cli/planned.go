package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/ops/control"
	"leadlog/ops/flags"
)

// planned is the flags of every verb that shows what it would do before it does it.
type planned struct {
	Execute bool   `noenv:"" help:"Do what the plan says. Without it, nothing is changed."`
	Plan    string `noenv:"" placeholder:"ID" help:"The plan to execute: a run without --execute shows it."`
	Reason  string `noenv:"" placeholder:"TEXT" help:"Why it is done, for the ledger."`
}

// check returns the plan that is to be executed, or uuid.Nil for a dry run. Its error is a usage error that says which of the
// three flags is missing.
func (f planned) check() (uuid.UUID, error) {
	switch {
	case !f.Execute && f.Plan != "":
		return uuid.Nil, flags.Usagef("--plan without --execute: a run without both shows a new plan, one with both does it")
	case !f.Execute:
		return uuid.Nil, nil
	case f.Plan == "":
		return uuid.Nil, flags.Usagef("--execute needs --plan ID: run the command without --execute first, and look at what it would do")
	case f.Reason == "":
		return uuid.Nil, flags.Usagef("--execute needs --reason TEXT: it stands in the ledger, for whoever asks later")
	}
	id, err := uuid.Parse(f.Plan)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, flags.Usagef("--plan %q is not the id of a plan, such as 0191d5a0-0000-7000-8000-000000000001", f.Plan)
	}
	return id, nil
}

// show begins the answer of a dry run, so that the plan is its first line, and says how to go on.
func (f planned) show(p *process, verb string, id uuid.UUID, o shown) {
	if o.Output == "table" {
		p.say("plan: %s", id)
	}
	reason := "TEXT"
	if f.Reason != "" {
		reason = quoted(f.Reason)
	}
	p.note("nothing was changed; within %s: ops %s --execute --plan %s --reason %s", span(control.PlanLife), verb, id, reason)
}

// quoted is a text as a shell takes it for one word.
func quoted(text string) string { return "'" + strings.ReplaceAll(printable(text), "'", `'\''`) + "'" }

// again is the command that executes a plan, and finishes it.
func (f planned) again(verb string, id uuid.UUID) string {
	return fmt.Sprintf("ops %s --execute --plan %s --reason %s", verb, id, quoted(f.Reason))
}

// waiting is the flags of verbs that end when what they wait for has happened.
type waiting struct {
	target
	Timeout time.Duration `default:"0s" noenv:"" help:"How long the whole command may take; 0: as long as it needs (a dry run: 30s)."`
}

// askLimit is how long what only asks may take, unless --timeout says otherwise.
const askLimit = 30 * time.Second

// with is asking's, for what may take long.
func (w *waiting) with(ctx context.Context, p *process, long bool, do func(context.Context, *control.System) error) error {
	if w.Timeout == 0 && long {
		return w.open(ctx, p, do)
	}
	a := asking{target: w.target, Timeout: cmp.Or(w.Timeout, askLimit)}
	return a.with(ctx, p, do)
}

// misused makes usage errors of what is wrong with the command line, and leaves others as they are.
func misused(err error) error {
	for _, usage := range []error{control.ErrPlanDisagrees, control.ErrNoView, control.ErrNoPartition, control.ErrWhichView, control.ErrNeedDatabase} {
		if errors.Is(err, usage) {
			return flags.UsageError{Err: err}
		}
	}
	return err
}
