package control

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"leadlog/ops/flags"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// ErrNothingToDrop is returned when a view has no version beside the one that everybody reads.
var ErrNothingToDrop = errors.New("there is no version beside the active one")

// Dropping is a version that a plan is about.
type Dropping struct {
	Plan uuid.UUID
	View string
	view.Version
}

// dropPlan is what a drop is meant for.
type dropPlan struct {
	Version int `json:"version"`
}

// Versions returns the versions of a view that nobody reads: replaced ones, and one that is being built.
func (s *System) Versions(ctx context.Context, name string) ([]view.Version, error) {
	tables, err := s.tables(ctx, name)
	if err != nil {
		return nil, err
	}
	others, err := tables.Others(ctx)
	return others, withCause(ctx, err)
}

// PlanDrop shows which version would be dropped. With version 0 it is the only one that there is beside the active one.
func (s *System) PlanDrop(ctx context.Context, name string, version int) (Dropping, error) {
	others, err := s.Versions(ctx, name)
	if err != nil {
		return Dropping{}, err
	}
	if len(others) == 0 {
		return Dropping{}, fmt.Errorf("%s: %w", name, ErrNothingToDrop)
	}
	at := slices.IndexFunc(others, func(v view.Version) bool { return v.Number == version })
	if version == 0 && len(others) == 1 {
		at = 0
	}
	if at < 0 {
		return Dropping{}, fmt.Errorf("%s has the versions %s beside the active one: name one with --version", name, named(others))
	}
	id, err := s.keepPlan(ctx, "drop", name, dropPlan{Version: others[at].Number})
	return Dropping{Plan: id, View: name, Version: others[at]}, err
}

// agree compares what was given beside a plan with what the plan is about.
func agree(asked, planned string) error {
	if asked != "" && asked != planned {
		return flags.Usagef("the plan is about %s, not %s", planned, asked)
	}
	return nil
}

func named(versions []view.Version) (listed string) {
	for i, v := range versions {
		if i > 0 {
			listed += ", "
		}
		listed += fmt.Sprint(v.Number)
	}
	return listed
}

// Drop removes the version that a plan is about. One that has become active meanwhile is not touched.
// asked is the view that was named beside the plan, if any.
func (s *System) Drop(ctx context.Context, asked string, id uuid.UUID, reason string) (Dropping, error) {
	var plan dropPlan
	name, err := s.usePlan(ctx, id, "drop", &plan)
	if err == nil {
		err = agree(asked, name)
	}
	if err != nil {
		return Dropping{}, err
	}
	tables, err := s.tables(ctx, name)
	if err != nil {
		return Dropping{}, err
	}
	dropped := Dropping{Plan: id, View: name, Version: view.Version{Number: plan.Version}}
	err = s.alone(ctx, name, func() error {
		return s.record(ctx, Change{Verb: "drop", View: name, Plan: id, Reason: reason}, func(ctx context.Context) (map[string]any, error) {
			failpoint.Reach("drop begun")
			err := tables.Drop(ctx, plan.Version)
			if err == nil {
				err = s.forgetSwaps(ctx, name, plan.Version)
			}
			return map[string]any{"version": plan.Version}, withCause(ctx, err)
		})
	})
	if errors.Is(err, view.ErrActive) {
		err = fmt.Errorf("%w: %w", ErrPlanStale, err)
	}
	return dropped, err
}

// forgetSwaps removes the plans to swap a version in that is gone. Another one may be built under its number, and nobody has
// verified that.
func (s *System) forgetSwaps(ctx context.Context, name string, version int) error {
	pool, err := s.database(ctx)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `delete from leadlog.plan where verb = 'rebuild' and view = $1 and (body->>'to')::int = $2`, name, version)
	return pgstore.Sort(err)
}

func (s *System) tables(ctx context.Context, name string) (view.Tables, error) {
	e, err := s.versioned(name)
	if err != nil {
		return nil, err
	}
	return e.Versions.Tables(ctx, s.stores)
}
