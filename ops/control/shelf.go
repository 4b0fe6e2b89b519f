package control

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"leadlog/projectors/audit"
	"leadlog/projectors/catalog"
	"leadlog/projectors/dedup"
	"leadlog/projectors/leads"
)

// shelf is a view with its positions, and what looks things up in it by its public names.
type shelf struct {
	progress
	lookup
}

// lookup asks one view what it knows, as anybody could who has the URL of its store.
type lookup interface {
	// find returns the records that the view knows of an id or a phone, the newest first, and one more than the limit.
	find(ctx context.Context, q Query) ([]sighting, error)
	// holds returns what the view has of one record.
	holds(ctx context.Context, r *Record) (opinion, error)
}

// sighting is a record as a view knows it.
type sighting struct {
	partition int32
	offset    int64 // below 0 when the view doesn't know it
	time      time.Time
	recordID  uuid.UUID
	eventID   uuid.UUID
	phone     string
}

// opinion is what a view has of a record, and what it can tell of the record's window.
type opinion struct {
	held    bool
	erased  bool    // the view says itself that the record was erased
	verdict Verdict // "" when the view can't tell
	detail  string
}

// shelves opens the views that can be asked. Positions are read before anything is looked up: what is not in a view whose
// position had already passed it is really not there.
func (s *System) shelves(ctx context.Context) []shelf {
	shelves := make([]shelf, 0, 3)
	for _, p := range s.progresses(ctx) {
		l, err := s.lookup(ctx, p.entry)
		switch {
		case err != nil && p.err == nil:
			p.err = err
		case l == nil:
			continue // a projection of somebody's own
		}
		shelves = append(shelves, shelf{p, l})
	}
	return shelves
}

func (s *System) lookup(ctx context.Context, e catalog.Entry) (lookup, error) {
	switch {
	case e.Name == leads.Name:
		pool, err := s.stores.Postgres(ctx)
		return leadRows{pool}, err
	case e.Name == audit.Name && s.cfg.URLs.Mongo != "":
		db, err := s.stores.Mongo(ctx)
		return auditDocuments{db}, err
	case e.Name == audit.Name:
		pool, err := s.stores.Postgres(ctx)
		return auditRows{pool}, err
	case e.Name == dedup.Name:
		client, err := s.stores.Redis()
		return windows{client}, err
	}
	return nil, nil
}

// again reads the positions anew, of the shelves that have answered before.
func (s *System) again(ctx context.Context, shelves []shelf) []shelf {
	now := slices.Clone(shelves)
	var group errgroup.Group
	for i, old := range shelves {
		if old.err == nil {
			group.Go(func() error {
				now[i].progress = s.progress(ctx, old.entry)
				return nil
			})
		}
	}
	_ = group.Wait() // a store that is away is a finding
	return now
}
