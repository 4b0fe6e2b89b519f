package audit

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"leadlog/events"
	"leadlog/projectors/mongostore"
)

// expiryIndex is the name of the TTL index on ts. A server removes what it covers at any time, whatever a worker is about
// to judge by it. While a view catches up from the log's start, an opener older than 90 days would expire before a
// duplicate of it is judged, and the duplicate would become an opener (interleaving 13). So the index comes last: it is
// made when every partition has caught up, and goes when one has fallen back that far.
const expiryIndex = "expiry"

// suspendAge is the age of an event from which on the opener that it is judged by may be about to expire: a window before
// the retention's end, and another one for the time that all this takes.
const suspendAge = retention - 2*events.WindowLength

// Keep implements view.Keeper: it notes which partitions have caught up, and makes the TTL index when all of them have, in
// whatever process.
func (m Mongo) Keep(ctx context.Context, live []int32) error {
	if err := mongostore.SetLive(ctx, m.db, m.Name(), live, true); err != nil {
		return err
	}
	if ready, err := m.allLive(ctx); err != nil || !ready {
		return err
	}
	if there, err := m.expires(ctx); err != nil || there {
		return err
	}
	building, cancel := patient(ctx)
	defer cancel()
	_, err := m.requests.Indexes().CreateOne(building, expiry())
	if err != nil {
		return fmt.Errorf("make the TTL index of %s: %w", m.requests.Name(), mongostore.Sort(err))
	}
	// A partition may have fallen back while the index was made. It marked itself before it looked for the index, so one
	// of the two sees the other.
	if ready, err := m.allLive(building); err != nil || ready {
		return err
	}
	return m.dropExpiry(building)
}

// suspendExpiry takes the TTL index away before a batch of old events is judged: the view was emptied without its indexes,
// or comes from an old backup, or from a long stop.
func (m Mongo) suspendExpiry(ctx context.Context, partition int32, batch []events.Event) error {
	limit := time.Now().Add(-suspendAge)
	for i := range batch {
		if batch[i].Time.Before(limit) {
			if err := mongostore.SetLive(ctx, m.db, m.Name(), []int32{partition}, false); err != nil {
				return err
			}
			if there, err := m.expires(ctx); err != nil || !there {
				return err
			}
			return m.dropExpiry(ctx)
		}
	}
	return nil
}

func expiry() mongo.IndexModel {
	return mongo.IndexModel{
		Keys:    bson.D{{Key: "ts", Value: 1}},
		Options: options.Index().SetName(expiryIndex).SetExpireAfterSeconds(int32(retention / time.Second)),
	}
}

// allLive says whether every partition of the log has a position and has caught up.
func (m Mongo) allLive(ctx context.Context) (bool, error) {
	live, all, err := mongostore.CountLive(ctx, m.db, m.Name())
	return live == all && all >= events.Partitions, err
}

// expires says whether the TTL index is there.
func (m Mongo) expires(ctx context.Context) (bool, error) { return m.has(ctx, expiryIndex) }

// has says whether an index is there.
func (m Mongo) has(ctx context.Context, index string) (bool, error) {
	specs, err := m.requests.Indexes().ListSpecifications(ctx)
	if err != nil {
		return false, fmt.Errorf("list the indexes of %s: %w", m.requests.Name(), mongostore.Sort(err))
	}
	for _, s := range specs {
		if s.Name == index {
			return true, nil
		}
	}
	return false, nil
}

func (m Mongo) dropExpiry(ctx context.Context) error {
	if err := m.requests.Indexes().DropOne(ctx, expiryIndex); err != nil && !mongostore.IndexNotFound(err) {
		return fmt.Errorf("drop the TTL index of %s: %w", m.requests.Name(), mongostore.Sort(err))
	}
	return nil
}

// Retention implements view.Expiring.
func (Mongo) Retention() time.Duration { return retention }
