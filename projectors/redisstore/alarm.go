package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"leadlog/projectors/view"
)

// alarmKey names the hash of a projection's alarms: for each partition that is stopped, since when (Unix ms) and why, with
// a bar between the two.
func alarmKey(projection, topic string) string {
	return fmt.Sprintf("leadlog:alarm:%s:%s", projection, topic)
}

// Alarm implements view.Store.
func (s Store) Alarm(ctx context.Context, stream view.Stream, reason string) error {
	key, partition := alarmKey(stream.Projection, stream.Topic), strconv.Itoa(int(stream.Partition))
	if reason == "" {
		return Sort(s.client.HDel(ctx, key, partition).Err())
	}
	return Sort(s.client.HSet(ctx, key, partition, fmt.Sprintf("%d|%s", time.Now().UnixMilli(), reason)).Err())
}

// Alarms implements view.Store.
func (s Store) Alarms(ctx context.Context, projection, topic string) (map[int32]view.Stopped, error) {
	stored, err := s.client.HGetAll(ctx, alarmKey(projection, topic)).Result()
	if err != nil {
		return nil, Sort(err)
	}
	alarms := make(map[int32]view.Stopped, len(stored))
	for partition, text := range stored {
		p, err := strconv.ParseInt(partition, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("alarm of partition %q in Redis: %w", partition, err)
		}
		since, reason, _ := strings.Cut(text, "|")
		ms, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("alarm of partition %q in Redis: %w", partition, err)
		}
		alarms[int32(p)] = view.Stopped{Since: time.UnixMilli(ms), Reason: reason}
	}
	return alarms, nil
}
