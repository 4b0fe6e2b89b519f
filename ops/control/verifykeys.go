package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/view"
)

const (
	// publicKeys is what the names of all keys begin with that the edge and people read.
	publicKeys = "dedup:phone:"
	// keysAtOnce is how many keys are read in one round trip.
	keysAtOnce = 1000
)

// suspect is a key that is not as the log says, at first sight.
type suspect struct {
	kind   DifferenceKind
	window openWindow // that should be there; the zero one for a key that should not
}

// compareKeys compares every key that should be there, and then every key that is. What is not as it should be is looked at
// once more, since the view went on meanwhile.
func (c *windowCheck) compareKeys(ctx context.Context) error {
	suspects := make(map[string]suspect)
	for phones := range slices.Chunk(slices.Collect(maps.Keys(c.open)), keysAtOnce) {
		values, err := c.values(ctx, phones)
		if err != nil {
			return err
		}
		for _, phone := range phones {
			if kind := c.judgeKey(phone, values[phone]); kind != "" {
				suspects[phone] = suspect{kind, c.open[phone]}
			}
		}
	}
	if err := c.findStrangers(ctx, suspects); err != nil {
		return err
	}
	return c.confirm(ctx, suspects)
}

// judgeKey says what is wrong with the key of an open window; "" when nothing is.
func (c *windowCheck) judgeKey(phone, value string) DifferenceKind {
	w := c.open[phone]
	_, unsure := c.unsure[phoneKey(phone)]
	if isState(value) {
		c.verified.Rows++
	}
	switch {
	case unsure || c.isClosing(w.opened), value == w.value():
		return ""
	case !isState(value):
		return RowMissing
	}
	return RowDifferent
}

// isState says whether a value is one of the view's. A claim of the edge, c|ce_id, is none.
func isState(value string) bool { return value != "" && !strings.HasPrefix(value, "c|") }

// values reads the keys of phones. A phone without one has none in the answer.
func (c *windowCheck) values(ctx context.Context, phones []string) (map[string]string, error) {
	if len(phones) == 0 {
		return nil, nil
	}
	keys := make([]string, len(phones))
	for i, phone := range phones {
		keys[i] = publicKeys + phone
	}
	read, err := c.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("read the keys of windows: %w", err)
	}
	values := make(map[string]string, len(phones))
	for i, value := range read {
		if text, ok := value.(string); ok {
			values[phones[i]] = text
		}
	}
	return values, nil
}

// findStrangers goes through all keys for windows that no event explains.
func (c *windowCheck) findStrangers(ctx context.Context, suspects map[string]suspect) error {
	for cursor := uint64(0); ; {
		keys, next, err := c.client.Scan(ctx, cursor, publicKeys+"*", keysAtOnce).Result()
		if err != nil {
			return fmt.Errorf("search the keys of windows: %w", err)
		}
		phones := make([]string, 0, len(keys))
		for _, key := range keys {
			phone := strings.TrimPrefix(key, publicKeys)
			_, expected := c.open[phone]
			if _, asked := c.bounds[events.PartitionOf(phone)]; asked && !expected {
				phones = append(phones, phone)
			}
		}
		values, err := c.values(ctx, phones)
		if err != nil {
			return err
		}
		for phone, value := range values {
			if c.isStranger(phone, value) {
				suspects[phone] = suspect{RowExtra, openWindow{partition: events.PartitionOf(phone), offset: Unknown}}
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// isStranger says whether a key should not be there.
func (c *windowCheck) isStranger(phone, value string) bool {
	_, unsure := c.unsure[phoneKey(phone)]
	if !isState(value) || unsure {
		return false
	}
	c.verified.Rows++
	_, opened, _ := strings.Cut(strings.TrimPrefix(value, "o|"), "|")
	ms, err := strconv.ParseInt(opened, 10, 64)
	return err != nil || !c.isClosing(ms)
}

// confirm names the suspects that stay some. Their keys are read again first, and then what was appended since the fold's
// end: whatever the view had applied when the keys were read is in that.
func (c *windowCheck) confirm(ctx context.Context, suspects map[string]suspect) error {
	if len(suspects) == 0 {
		return nil
	}
	values := make(map[string]string, len(suspects))
	for phones := range slices.Chunk(slices.Collect(maps.Keys(suspects)), keysAtOnce) {
		read, err := c.values(ctx, phones)
		if err != nil {
			return err
		}
		maps.Copy(values, read)
	}
	later, err := c.readLater(ctx, suspects)
	if err != nil {
		return err
	}
	found := make(map[int32]*differences)
	for _, phone := range slices.Sorted(maps.Keys(suspects)) {
		s := suspects[phone]
		if c.explained(s, values[phone], later, phone) {
			continue
		}
		if found[s.window.partition] == nil {
			found[s.window.partition] = &differences{}
		}
		row := &view.Row{RecordID: s.window.record, Offset: s.window.offset}
		d := found[s.window.partition].tell(c.name, s.kind, s.window.partition, row, phone)
		if s.kind == RowDifferent {
			d.Columns = []string{"value"}
		}
	}
	for partition, d := range found {
		c.add(partition, d)
	}
	return nil
}

// later is what was appended while the view was compared.
type later struct {
	values map[string][]string // that the keys of suspects may hold after it
	erased map[uuid.UUID]bool
}

// readLater reads the log from the ends of the fold to its present ends.
func (c *windowCheck) readLater(ctx context.Context, suspects map[string]suspect) (later, error) {
	after := later{values: make(map[string][]string), erased: make(map[uuid.UUID]bool)}
	all, err := c.System.bounds(ctx, c.what.topic())
	if err != nil {
		return after, err
	}
	rest := make(spans)
	for partition, stretch := range c.bounds {
		rest[partition] = span{stretch.to, all[partition].to}
	}
	return after, c.scan(ctx, c.what.topic(), rest, func(r *kgo.Record) onward {
		plain := broker.FromKafka(r)
		e, err := events.Decode(&plain)
		switch _, asked := suspects[e.Phone]; {
		case err != nil:
		case e.Tombstone:
			after.erased[e.RecordID] = true
		case asked:
			w := openWindow{opened: e.Time.UnixMilli(), event: e.EventID}
			after.values[e.Phone] = append(after.values[e.Phone], w.value())
		}
		return more
	})
}

// explained says whether a key is right after all: as it must be by now, changed by what came later, erased, or at its end.
func (c *windowCheck) explained(s suspect, value string, after later, phone string) bool {
	switch {
	case slices.Contains(after.values[phone], value):
		return true
	case s.kind == RowExtra:
		return !isState(value)
	case after.erased[s.window.record]:
		return !isState(value)
	}
	return value == s.window.value() || c.isClosing(s.window.opened) || !time.UnixMilli(s.window.opened).Add(events.WindowLength).After(time.Now())
}
