package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/catalog"
	"leadlog/projectors/view"
)

// ErrFoldsInPlace is returned for a view that has no versions.
var ErrFoldsInPlace = errors.New("the view is folded again in place")

// ErrSwapBegun is returned for a version that only has to be swapped in, and must not be built any more.
var ErrSwapBegun = errors.New("this version can't be built")

// Phase of a rebuild.
type Phase string

// The phases, in their order.
const (
	Building  Phase = "building"
	Verifying Phase = "verifying"
	Swapping  Phase = "swapping"
)

// Rebuilding is how far a rebuild is.
type Rebuilding struct {
	Phase     Phase
	Done, All int64 // events
	Took      time.Duration
	Waits     string // what a swap waits for
}

// Rebuilt is a version that is ready to take the place of the active one.
type Rebuilt struct {
	Plan     uuid.UUID
	View     string
	From, To int // versions
	Events   int64
	Took     time.Duration
	Verified Verified
}

// rebuildPlan is what a swap is meant for.
type rebuildPlan struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Rebuild builds a version of a view from the log, beside the one that everybody reads, verifies it, and returns the plan to
// swap it in. The active version is not touched. What was built before a rebuild was interrupted is not built again.
//
// A view that differs from the log after all is returned with its report and without a plan.
func (s *System) Rebuild(ctx context.Context, name string, progress func(Rebuilding)) (built Rebuilt, err error) {
	e, err := s.versioned(name)
	if err != nil {
		return built, err
	}
	err = s.alone(ctx, name, func() error {
		built, err = s.rebuild(ctx, e, progress)
		return err
	})
	return built, err
}

func (s *System) rebuild(ctx context.Context, e catalog.Entry, progress func(Rebuilding)) (Rebuilt, error) {
	from, err := s.active(ctx, e)
	if err != nil {
		return Rebuilt{}, err
	}
	built := Rebuilt{View: e.Name, From: from, To: from + 1}
	if err := s.sameLog(ctx, e); err != nil {
		return built, err
	}
	if err := s.notBegun(ctx, e, built.To); err != nil {
		return built, err
	}
	f, err := s.startFeed(ctx, e, built.To)
	if err != nil {
		return built, err
	}
	defer f.stop() //nolint:errcheck // what failed shows in what was waited for
	if err := f.passOver(ctx); err != nil {
		return built, withCause(ctx, err)
	}
	if built.Events, built.Took, err = s.build(ctx, f, progress); err != nil {
		return built, err
	}
	if built.Verified = s.verifyDraft(ctx, f.view, progress); built.Verified.Err != nil || built.Verified.Mendable() > 0 {
		return built, built.Verified.Err
	}
	built.Plan, err = s.keepPlan(ctx, "rebuild", e.Name, rebuildPlan{From: built.From, To: built.To})
	return built, err
}

// sameLog refuses a log that is not the one, or not all of it, that the active version was made of: a new version could never
// have as much.
func (s *System) sameLog(ctx context.Context, e catalog.Entry) error {
	o, err := s.openView(ctx, e.Name)
	if err != nil {
		return err
	}
	live, err := s.topicID(ctx)
	if err != nil {
		return err
	}
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return err
	}
	for partition, at := range o.positions {
		if err := sameTopic([]view.Position{at}, live); err != nil {
			return err
		}
		if at.Next > log[partition].to {
			return fmt.Errorf("%s is at offset %d, and the log ends at %d: a new version would have less than the active one; is this a restored cluster? See `ops adopt %s`",
				at.Stream, at.Next, log[partition].to, e.Name)
		}
	}
	return nil
}

// notBegun refuses to build a version whose swap was interrupted when there was no way back. Its tables may have taken the
// active ones' place already: opened, they would be made anew, and empty, and the swap would then be finished with those.
func (s *System) notBegun(ctx context.Context, e catalog.Entry, version int) error {
	tables, err := e.Versions.Tables(ctx, s.stores)
	if err != nil {
		return err
	}
	begun, err := tables.Begun(ctx, view.Swap{Topic: events.Topic, To: version})
	if err != nil {
		return withCause(ctx, err)
	}
	if begun {
		return fmt.Errorf("%w: the swap to version %d of %s was interrupted: `ops status` shows what finishes it", ErrSwapBegun, version, e.Name)
	}
	return nil
}

// build waits until the feed has come to the log's end as it was a moment before.
func (s *System) build(ctx context.Context, f *feed, progress func(Rebuilding)) (applied int64, took time.Duration, err error) {
	log, err := s.bounds(ctx, events.Topic)
	if err != nil {
		return 0, 0, err
	}
	began, first := time.Now(), int64(-1)
	upTo, all := make(map[int32]int64, len(log)), int64(0)
	for partition, whole := range log {
		if partition < events.Partitions {
			upTo[partition] = whole.to
			all += whole.to - whole.from
		}
	}
	err = f.reach(ctx, upTo, func(positions map[int32]view.Position) {
		done := int64(0)
		for partition, to := range upTo {
			if at, begun := positions[partition]; begun {
				done += min(at.Next, to) - log[partition].from
			}
		}
		if first < 0 {
			first = done // what an earlier run has built tells nothing of the speed
		}
		progress(Rebuilding{Phase: Building, Done: done - first, All: all - first, Took: time.Since(began)})
	})
	return all, time.Since(began), err
}

// versioned returns the entry of a view that can be built beside itself.
func (s *System) versioned(name string) (catalog.Entry, error) {
	if err := s.needKafka(); err != nil {
		return catalog.Entry{}, err
	}
	picked, err := catalog.Pick(s.cfg.URLs, name)
	if err != nil {
		return catalog.Entry{}, err
	}
	if picked[0].Versions == nil {
		return picked[0], fmt.Errorf("%s: %w", name, ErrFoldsInPlace)
	}
	return picked[0], nil
}

// active returns the version of a view that everybody reads: that of its positions, or of its tables when it has none yet.
func (s *System) active(ctx context.Context, e catalog.Entry) (int, error) {
	v, err := s.open(ctx, e)
	if err != nil {
		return 0, err
	}
	positions, err := v.Positions(ctx, events.Topic)
	if err != nil {
		return 0, withCause(ctx, err)
	}
	if len(positions) > 0 {
		return positions[0].Version, nil
	}
	version, err := v.Version(ctx)
	return version, withCause(ctx, err)
}

// verifyDraft compares a version that nobody reads yet with the log.
func (s *System) verifyDraft(ctx context.Context, v view.View, progress func(Rebuilding)) Verified {
	began := time.Now()
	return s.verifyView(ctx, v, Verification{Progress: func(p VerifyProgress) {
		progress(Rebuilding{Phase: Verifying, Done: p.Done, All: p.All, Took: time.Since(began)})
	}})
}
