//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// partitions of the topic.
const partitions = 12

// views are the three stores, read by their own clients as anybody may.
type views struct {
	pool  *pgxpool.Pool
	mongo *mongo.Database
	redis *redis.Client
}

// row is a row or a document: whose, and made of which record.
type row struct {
	key       string
	duplicate bool
	partition int32
	offset    int64
}

func (v *views) leads(ctx context.Context) ([]row, error) {
	rows, err := v.pool.Query(ctx, `select record_id::text, log_partition, log_offset from landing_phone`)
	if err != nil {
		return nil, fmt.Errorf("leads: %w", err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (one row, err error) {
		err = r.Scan(&one.key, &one.partition, &one.offset)
		return one, err
	})
}

func (v *views) audit(ctx context.Context) (rows []row, err error) {
	cursor, err := v.mongo.Collection("requests").Find(ctx, bson.M{})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var documents []struct {
		ID        string `bson:"_id"`
		Duplicate bool   `bson:"duplicate"`
		Partition int32  `bson:"log_partition"`
		Offset    int64  `bson:"log_offset"`
	}
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	for _, d := range documents {
		rows = append(rows, row{d.ID, d.Duplicate, d.Partition, d.Offset})
	}
	return rows, nil
}

// dedup returns the value of each phone's public key, of those that have one.
func (v *views) dedup(ctx context.Context, phones []string) (map[string]string, error) {
	values := make(map[string]string)
	for len(phones) > 0 {
		some := phones[:min(len(phones), 1000)]
		phones = phones[len(some):]
		keys := make([]string, len(some))
		for i, phone := range some {
			keys[i] = "dedup:phone:" + phone
		}
		found, err := v.redis.MGet(ctx, keys...).Result()
		if err != nil {
			return nil, fmt.Errorf("dedup: %w", err)
		}
		for i, value := range found {
			if text, ok := value.(string); ok {
				values[some[i]] = text
			}
		}
	}
	return values, nil
}

// positions are where the views stand: by view, then by partition. A view whose store does not answer is left out.
type positions map[string]map[int32]int64

func (v *views) positions(ctx context.Context) (at positions, all error) {
	at = make(positions)
	var mu sync.Mutex
	var reading sync.WaitGroup // at the same time: one that hangs must not hide the others
	for name, read := range map[string]func(context.Context) (map[int32]int64, error){
		"leads": v.leadsPositions, "audit": v.auditPositions, "dedup": v.dedupPositions,
	} {
		reading.Go(func() {
			next, err := read(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all = errors.Join(all, fmt.Errorf("%s: %w", name, err))
				return
			}
			at[name] = next
		})
	}
	reading.Wait()
	return at, all
}

func (v *views) leadsPositions(ctx context.Context) (map[int32]int64, error) {
	next := make(map[int32]int64)
	rows, err := v.pool.Query(ctx, `select partition, next_offset from leadlog.position where projection = 'leads' and topic = $1`, topic)
	if err != nil {
		return nil, err
	}
	var partition int32
	var offset int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &offset}, func() error {
		next[partition] = offset
		return nil
	})
	return next, err
}

func (v *views) auditPositions(ctx context.Context) (map[int32]int64, error) {
	cursor, err := v.mongo.Collection("positions").Find(ctx, bson.M{"projection": "audit", "topic": topic})
	if err != nil {
		return nil, err
	}
	var documents []struct {
		Partition int32 `bson:"partition"`
		Next      int64 `bson:"next_offset"`
	}
	if err := cursor.All(ctx, &documents); err != nil {
		return nil, err
	}
	next := make(map[int32]int64)
	for _, d := range documents {
		next[d.Partition] = d.Next
	}
	return next, nil
}

func (v *views) dedupPositions(ctx context.Context) (map[int32]int64, error) {
	next := make(map[int32]int64)
	for p := range int32(partitions) {
		text, err := v.redis.HGet(ctx, "leadlog:position:dedup:"+topic+":"+strconv.Itoa(int(p)), "next_offset").Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if next[p], err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// behind says which views are not at the ends of the log.
func (at positions) behind(ends map[int32]int64) (left []string) {
	for _, name := range []string{"leads", "audit", "dedup"} {
		next, answered := at[name]
		if !answered {
			left = append(left, name+" does not answer")
			continue
		}
		for p, end := range ends {
			if n, there := next[p]; n != end && (there || end > 0) {
				left = append(left, fmt.Sprintf("%s/%d is at %d of %d", name, p, n, end))
			}
		}
	}
	return left
}
