package mongostore

import (
	"context"

	"github.com/google/uuid"

	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

// Hold implements view.Store.
func (s Store) Hold(ctx context.Context, stream view.Stream, hold bool) (view.Position, error) {
	at, err := s.change(ctx, stream, func(p *view.Position) error {
		if rewinding(*p) {
			return view.ErrHeld
		}
		p.Hold = hold
		return nil
	})
	failpoint.Reach("mongostore hold moved")
	return at, err
}

// Adopt implements view.Store.
func (s Store) Adopt(ctx context.Context, at view.Position, topicID uuid.UUID, cause string) (view.Position, error) {
	moved, err := s.change(ctx, at.Stream, func(p *view.Position) error {
		switch {
		case p.TopicID != at.TopicID, p.Generation != at.Generation:
			return view.ErrFenced
		case rewinding(*p):
			return view.ErrHeld
		}
		p.Generation++
		p.TopicID, p.Epoch, p.Cause = topicID, -1, cause
		return nil
	})
	failpoint.Reach("mongostore adopt moved")
	return moved, err
}

// change moves a position as do says, however often somebody else moves it meanwhile.
func (s Store) change(ctx context.Context, stream view.Stream, do func(*view.Position) error) (view.Position, error) {
	for {
		stored, err := s.read(ctx, stream)
		if err != nil {
			return stored, err
		}
		changed := stored
		if err := do(&changed); err != nil {
			return stored, err
		}
		if won, err := s.swap(ctx, stored, changed); won || err != nil {
			return changed, err
		}
	}
}
