package redisstore

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"leadlog/projectors/view"
)

// positionKey names the hash of a stream, such as leadlog:position:dedup:phone-submitted:3.
func positionKey(s view.Stream) string {
	return fmt.Sprintf("leadlog:position:%s:%s:%d", s.Projection, s.Topic, s.Partition)
}

// fieldNames are the fields of a position, in the order in which claim.lua returns them and positionOf reads them.
func fieldNames() []string {
	return []string{"topic_id", "generation", "next_offset", "leader_epoch", "hold", "target", "pace", "cause"}
}

// lastOfFirst is the last field that every position has had from the first day on.
const lastOfFirst = 5

// positionOf reads the fields of a position. Whoever wrote others than the scripts do must look.
func positionOf(stream view.Stream, fields []any) (view.Position, error) {
	names := fieldNames()
	texts := make([]string, len(names))
	for i := range names {
		var ok bool
		if texts[i], ok = fields[i].(string); !ok && i <= lastOfFirst {
			return view.Position{Stream: stream}, fmt.Errorf("position %s in Redis lacks the field %s", stream, names[i])
		}
	}
	at := view.Position{Stream: stream, Hold: texts[4] != "0", Version: 1, Cause: texts[7]}
	if pace, err := strconv.ParseFloat(texts[6], 64); err == nil {
		at.Pace = pace
	}
	var err error
	if at.TopicID, err = uuid.Parse(texts[0]); err != nil {
		return at, fmt.Errorf("position %s in Redis: topic_id: %w", stream, err)
	}
	var epoch int64
	for i, number := range map[int]*int64{1: &at.Generation, 2: &at.Next, 3: &epoch, 5: &at.Target} {
		if *number, err = strconv.ParseInt(texts[i], 10, 64); err != nil {
			return at, fmt.Errorf("position %s in Redis: %s: %w", stream, names[i], err)
		}
	}
	at.Epoch = int32(epoch)
	return at, nil
}
