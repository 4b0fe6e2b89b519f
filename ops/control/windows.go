package control

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"leadlog/events"
)

// windows looks things up in the dedup view: the key dedup:phone:{phone} holds o|ce_id|T of the opener while its window is
// open. A claim of the edge, c|ce_id, is none of the view's.
type windows struct{ client *redis.Client }

// find implements lookup. Redis knows when a phone's opener came, but not where it is.
func (w windows) find(ctx context.Context, q Query) ([]sighting, error) {
	if q.ID != uuid.Nil {
		return nil, nil
	}
	eventID, opened, err := w.opener(ctx, q.Phone)
	if err != nil || eventID == "" {
		return nil, err
	}
	return []sighting{{partition: events.PartitionOf(q.Phone), offset: Unknown, time: opened, phone: q.Phone}}, nil
}

// holds implements lookup.
func (w windows) holds(ctx context.Context, r *Record) (opinion, error) {
	if r.Phone == "" {
		return opinion{}, nil
	}
	eventID, opened, err := w.opener(ctx, r.Phone)
	switch {
	case err != nil || eventID == "":
		return opinion{}, err
	case eventID == r.EventID.String() && opened.Equal(r.Time):
		return opinion{held: true, verdict: Opener, detail: "window open until " + windowEnd(opened)}, nil
	case events.Opener{Time: opened}.Covers(r.Time):
		return opinion{verdict: Duplicate, detail: "of the window open until " + windowEnd(opened)}, nil
	}
	return opinion{}, nil
}

// opener returns the receipt and T of a phone's open window; "" when there is none.
func (w windows) opener(ctx context.Context, phone string) (eventID string, opened time.Time, err error) {
	value, err := w.client.Get(ctx, "dedup:phone:"+phone).Result()
	if errors.Is(err, redis.Nil) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("look up the window: %w", err)
	}
	parts := strings.Split(value, "|")
	if len(parts) != 3 || parts[0] != "o" {
		return "", time.Time{}, nil
	}
	ms, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the value of the phone's window is not o|ce_id|T: %w", err)
	}
	return parts[1], time.UnixMilli(ms).UTC(), nil
}

func windowEnd(opened time.Time) string {
	return opened.Add(events.WindowLength).UTC().Format(time.RFC3339)
}
