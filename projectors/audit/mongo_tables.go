package audit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

// MongoTables are the versions of the collection `requests`. It implements view.Tables.
//
// MongoDB has no transaction here, so a swap goes by steps, each of which can be repeated:
//
//	freeze    nobody applies to the active version any more
//	catch up  the new version is carried on to there, and then frozen too: from here on it is only finished
//	rename    the new collection takes the name, and the old one is gone
//	thaw      the active positions stand where the new version's do, and those are removed
type MongoTables struct{ DB *mongo.Database }

var _ view.Tables = MongoTables{}

// Swap implements view.Tables.
func (t MongoTables) Swap(ctx context.Context, s view.Swap) error {
	store, draft := mongostore.New(t.DB), view.Draft(Name, s.To)
	done, err := t.done(ctx, s)
	if err != nil || done {
		return err
	}
	live, err := store.Freeze(ctx, Name, s.Topic, s.From, s.Cause)
	if err != nil { // such as a rewind under way
		return errors.Join(err, t.giveUp(ctx, store, s, live))
	}
	failpoint.Reach("audit swap frozen")
	begun, err := t.Begun(ctx, s)
	if err != nil {
		return err
	}
	if !begun {
		if err := s.CatchUp(ctx, live); err != nil {
			return errors.Join(err, t.giveUp(ctx, store, s, live))
		}
	}
	fresh, err := t.carriedOn(ctx, store, s, live)
	if err != nil {
		return err
	}
	failpoint.Reach("audit swap carried on")
	if err := t.rename(ctx, s.To); err != nil {
		return err
	}
	failpoint.Reach("audit swap renamed")
	for partition, at := range live {
		if err := store.Thaw(ctx, at, fresh[partition]); err != nil {
			return err
		}
		failpoint.Reach("audit swap thawed")
	}
	return store.Remove(ctx, draft)
}

// carriedOn freezes the new version, which must have all that the active one has. Until its first position is frozen, the
// swap can be given up.
func (t MongoTables) carriedOn(
	ctx context.Context, store mongostore.Store, s view.Swap, live map[int32]view.Position,
) (map[int32]view.Position, error) {
	draft := view.Draft(Name, s.To)
	positions, err := store.Positions(ctx, draft, s.Topic)
	if err != nil {
		return nil, err
	}
	fresh := make(map[int32]view.Position, len(positions))
	for _, at := range positions {
		fresh[at.Partition] = at
	}
	if err := view.Overtakes(fresh, live); err != nil {
		return nil, errors.Join(err, t.giveUp(ctx, store, s, live))
	}
	return store.Freeze(ctx, draft, s.Topic, s.To, s.Cause)
}

// giveUp lets the active version go on as if nothing had been: the new one could not be carried on to it. Once that has been
// frozen there is no way back: then the swap waits to be finished.
func (t MongoTables) giveUp(ctx context.Context, store mongostore.Store, s view.Swap, live map[int32]view.Position) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if begun, err := t.Begun(ctx, s); begun || err != nil {
		return err
	}
	for _, at := range live {
		if err := store.Thaw(ctx, at, at); err != nil {
			return err
		}
	}
	return nil
}

// done says whether the swap has been made, all of it. A swap meant for another version is refused.
func (t MongoTables) done(ctx context.Context, s view.Swap) (bool, error) {
	positions, err := mongostore.New(t.DB).Positions(ctx, Name, s.Topic)
	if err != nil {
		return false, err
	}
	done := len(positions) > 0
	for _, at := range positions {
		switch {
		case at.Version == s.From:
			done = false
		case at.Version != s.To:
			return false, fmt.Errorf("%w: version %d is active, not %d", view.ErrFenced, at.Version, s.From)
		}
	}
	return done, nil
}

// Begun implements view.Tables: once the new version is frozen, the collection may have its name already.
func (t MongoTables) Begun(ctx context.Context, s view.Swap) (bool, error) {
	positions, err := mongostore.New(t.DB).Positions(ctx, view.Draft(Name, s.To), s.Topic)
	if err != nil {
		return false, err
	}
	for _, at := range positions {
		if mongostore.Frozen(at) {
			return true, nil
		}
	}
	return false, nil
}

// rename gives the new collection the name that everybody reads, at once; the old one goes. It was done before if there is
// no new one, or one without its indexes: a write that was on its way when the feed ended can make such a one, with a few
// documents in it, and it must not take the place of the view.
func (t MongoTables) rename(ctx context.Context, version int) error {
	fresh := DraftCollection(version)
	names, err := t.DB.ListCollectionNames(ctx, bson.M{"name": fresh})
	if err != nil || len(names) == 0 {
		return mongostore.Sort(err)
	}
	if whole, err := NewMongoDraft(t.DB, version).has(ctx, openersIndex); err != nil || !whole {
		return err
	}
	err = t.DB.Client().Database("admin").RunCommand(ctx, bson.D{
		{Key: "renameCollection", Value: t.DB.Name() + "." + fresh}, {Key: "to", Value: t.DB.Name() + "." + collection},
		{Key: "dropTarget", Value: true},
	}).Err()
	return mongostore.Sort(err)
}

// draftName matches the collections of versions.
func draftName() *regexp.Regexp { return regexp.MustCompile(`^` + collection + `_v([0-9]+)$`) }

// Others implements view.Tables. The version that was replaced is gone; there may be one that is being built.
func (t MongoTables) Others(ctx context.Context) ([]view.Version, error) {
	names, err := t.DB.ListCollectionNames(ctx, bson.M{})
	if err != nil {
		return nil, mongostore.Sort(err)
	}
	var others []view.Version
	for _, name := range names {
		if found := draftName().FindStringSubmatch(name); found != nil {
			number, err := strconv.Atoi(found[1])
			if err != nil {
				continue
			}
			others = append(others, view.Version{Number: number, Where: "collection " + name, Bytes: -1})
		}
	}
	return others, nil
}

// Drop implements view.Tables. The collection goes first: positions without it would be a view that lost its rows. A swap to
// this version that was interrupted while it could still be given up is given up.
func (t MongoTables) Drop(ctx context.Context, version int) error {
	store, swap := mongostore.New(t.DB), view.Swap{Topic: events.Topic, To: version}
	begun, err := t.Begun(ctx, swap)
	if err != nil {
		return err
	}
	if begun {
		return fmt.Errorf("%w: its swap has begun, and has to be finished", view.ErrActive)
	}
	live, err := store.Positions(ctx, Name, events.Topic)
	if err != nil {
		return err
	}
	for _, at := range live {
		if err := store.Thaw(ctx, at, at); err != nil {
			return err
		}
	}
	if err := t.DB.Collection(DraftCollection(version)).Drop(ctx); err != nil {
		return mongostore.Sort(err)
	}
	return store.Remove(ctx, view.Draft(Name, version))
}
