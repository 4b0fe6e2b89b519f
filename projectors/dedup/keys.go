package dedup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"leadlog/projectors/redisstore"
	"leadlog/projectors/view"
)

// scanStep is how many keys Redis looks at in one step of a search.
const scanStep = 1000

// historiesOf reads the openers of phones, of those that have any.
func historiesOf(ctx context.Context, client redis.Cmdable, partition int32, phones []string) (map[string]history, error) {
	if len(phones) == 0 {
		return nil, nil
	}
	keys := make([]string, len(phones))
	for i, phone := range phones {
		keys[i] = foldKey(partition, phone)
	}
	values, err := client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("look up openers: %w", redisstore.Sort(err))
	}
	found := make(map[string]history)
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			continue
		}
		if found[phones[i]], err = parseHistory(text); err != nil {
			return nil, fmt.Errorf("a key dedup:fold:%d:… in Redis is %w", partition, err)
		}
	}
	return found, nil
}

// scan yields all openers of a partition, some at a time. It goes through every key in Redis.
func scan(ctx context.Context, client redis.Cmdable, partition int32) iter.Seq2[map[string]history, error] {
	prefix := foldPrefix(partition)
	return func(yield func(map[string]history, error) bool) {
		for cursor := uint64(0); ; {
			keys, next, err := client.Scan(ctx, cursor, prefix+"*", scanStep).Result()
			if err != nil {
				yield(nil, fmt.Errorf("search openers: %w", redisstore.Sort(err)))
				return
			}
			for i := range keys {
				keys[i] = strings.TrimPrefix(keys[i], prefix)
			}
			found, err := historiesOf(ctx, client, partition, keys)
			if !yield(found, err) || err != nil || next == 0 {
				return
			}
			cursor = next
		}
	}
}

// Rows implements view.Projection, in offset order: the phones of a partition whose windows are open, as the public keys
// say. It reads all of them before it yields the first, and is for tests.
func (p Projection) Rows(ctx context.Context, partition int32, from, to int64) iter.Seq2[view.Row, error] {
	return func(yield func(view.Row, error) bool) {
		var rows []view.Row
		for found, err := range scan(ctx, p.client, partition) {
			if err == nil {
				rows, err = p.appendRows(ctx, rows, found)
			}
			if err != nil {
				yield(view.Row{}, err)
				return
			}
		}
		slices.SortFunc(rows, func(a, b view.Row) int { return cmp.Compare(a.Offset, b.Offset) })
		rows = slices.Compact(rows) // SCAN may show a key twice
		for _, row := range rows {
			if row.Offset >= from && row.Offset < to && !yield(row, nil) {
				return
			}
		}
	}
}

// appendRows adds those openers whose public keys are there.
func (p Projection) appendRows(ctx context.Context, rows []view.Row, found map[string]history) ([]view.Row, error) {
	for phone, h := range found {
		text, err := p.client.Get(ctx, publicKey(phone)).Result()
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case err != nil:
			return nil, redisstore.Sort(err)
		}
		if strings.HasPrefix(text, "o|") {
			rows = append(rows, view.Row{
				RecordID: h[0].recordID, Offset: h[0].Offset, Time: h[0].Time, Opener: true, Text: "key=" + publicKey(phone) + "\nvalue=" + text,
			})
		}
	}
	return rows, nil
}
