package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/projectors/view"
)

// Freeze holds all positions of a projection while its collection is replaced, and returns them by partition. Nobody but the
// one who replaces it ends that. It can be repeated: positions that are of another version have been thawed already, and are
// left alone. Beside an error it returns those that it has held before.
func (s Store) Freeze(ctx context.Context, projection, topic string, version int, cause string) (map[int32]view.Position, error) {
	positions, err := s.Positions(ctx, projection, topic)
	if err != nil {
		return nil, err
	}
	frozen := make(map[int32]view.Position, len(positions))
	for _, at := range positions {
		if at.Version != version {
			continue
		}
		held, err := s.change(ctx, at.Stream, func(p *view.Position) error {
			switch {
			case Frozen(*p) && p.Cause == cause:
				return nil
			case rewinding(*p):
				return view.ErrHeld
			}
			p.Generation++
			p.Paused, p.Hold, p.Target, p.Cause = p.Hold, true, view.SwapTarget, cause
			return nil
		})
		if err != nil {
			return frozen, err
		}
		frozen[at.Partition] = held
	}
	return frozen, nil
}

// Frozen says whether a position is held by Freeze.
func Frozen(p view.Position) bool { return p.Hold && p.Target == view.SwapTarget }

// Thaw ends what Freeze began: the position is where that of the new version stands, with a generation that fences whoever
// worked on either.
func (s Store) Thaw(ctx context.Context, live, fresh view.Position) error {
	_, err := s.change(ctx, live.Stream, func(p *view.Position) error {
		if !Frozen(*p) {
			return nil // by another process that finishes the same
		}
		p.Generation = max(p.Generation, fresh.Generation) + 1
		p.Mark, p.Version = fresh.Mark, fresh.Version
		p.Hold, p.Paused, p.Target = p.Paused, false, view.NoTarget
		return nil
	})
	return err
}

// Remove removes the positions and alarms of a version that is gone. Their holes are those of the projection, and stay.
func (s Store) Remove(ctx context.Context, projection string) error {
	uncopied, err := s.skipped(ctx, bson.M{"projection": projection, "skipped": bson.M{"$exists": true}})
	if err != nil {
		return err
	}
	for _, h := range uncopied {
		if err := s.keep(ctx, &h); err != nil {
			return err
		}
	}
	for _, of := range []*mongo.Collection{s.positions, s.alarms} {
		if _, err := of.DeleteMany(ctx, bson.M{"projection": projection}); err != nil {
			return Sort(err)
		}
	}
	return nil
}
