package redisstore

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"leadlog/events"
	"leadlog/projectors/failpoint"
	"leadlog/projectors/view"
)

//go:embed lua/claim.lua
var claimScript string

//go:embed lua/create.lua
var createScript string

//go:embed lua/move.lua
var moveScript string

//go:embed lua/operate.lua
var operateScript string

// Store is a view.Store in Redis.
type Store struct {
	client                       *redis.Client
	claim, create, move, operate *redis.Script
}

var _ view.Store[*Tx] = Store{}

// New returns a store. Nothing has to be made in Redis before.
func New(client *redis.Client) Store {
	return Store{
		client: client,
		claim:  redis.NewScript(claimScript), create: redis.NewScript(createScript), move: redis.NewScript(moveScript),
		operate: redis.NewScript(operateScript),
	}
}

// Claim implements view.Store.
func (s Store) Claim(ctx context.Context, stream view.Stream) (view.Position, error) {
	word, fields, err := s.run(ctx, s.claim, []string{positionKey(stream)}, stream.TopicID.String())
	at := view.Position{Stream: stream}
	if err == nil && len(fields) > 0 {
		at, err = positionOf(stream, fields)
	}
	switch {
	case err != nil:
		return at, err
	case word == "other topic":
		return at, fmt.Errorf("%w: stored is %s, live is %s", view.ErrOtherTopic, at.TopicID, stream.TopicID)
	}
	return at, meaning(word)
}

// Create implements view.Store.
func (s Store) Create(ctx context.Context, first view.Position) error {
	_, _, err := s.run(ctx, s.create, []string{positionKey(first.Stream)}, first.TopicID.String(), first.Next, first.Epoch)
	return err
}

// Commit implements view.Store. The effect sorts the errors of its reads, with Sort.
func (s Store) Commit(
	ctx context.Context, at view.Position, to view.Mark, effect func(context.Context, *Tx) error,
) (view.Position, error) {
	moved := at
	moved.Mark = to
	moved, err := s.moveWith(ctx, at, moved, at.Next, func(ctx context.Context, tx *Tx) error {
		err := effect(ctx, tx)
		failpoint.Reach("redisstore commit collected")
		return err
	})
	failpoint.Reach("redisstore commit moved")
	return moved, err
}

// Rewind implements view.Store. Like a commit it is one script, so that nothing can be left half done.
func (s Store) Rewind(
	ctx context.Context, at view.Position, to int64, cause string, undo func(context.Context, *Tx) error,
) (view.Position, error) {
	if to < 0 {
		return at, fmt.Errorf("%w: to %d", view.ErrNotBack, to)
	}
	moved := at
	moved.Generation++
	moved.Next, moved.Epoch, moved.Cause = to, -1, cause
	moved, err := s.moveWith(ctx, at, moved, "", func(ctx context.Context, tx *Tx) error {
		err := undo(ctx, tx)
		failpoint.Reach("redisstore rewind collected")
		return err
	})
	failpoint.Reach("redisstore rewind moved")
	return moved, err
}

// moveWith lets do collect its writes, and moves the position with them. next is the offset that the position must have
// then, empty for any from the new one on.
func (s Store) moveWith(
	ctx context.Context, from, to view.Position, next any, do func(context.Context, *Tx) error,
) (view.Position, error) {
	tx := &Tx{Redis: s.client}
	if err := do(ctx, tx); err != nil {
		return from, err
	}
	args := append([]any{from.TopicID.String(), from.Generation, next, to.Generation, to.Next, to.Epoch, to.Pace, to.Cause}, tx.args...)
	word, fields, err := s.run(ctx, s.move, append([]string{positionKey(from.Stream)}, tx.keys...), args...)
	switch {
	case err != nil:
		return from, err
	case word == "not back":
		return from, fmt.Errorf("%w: from %v to %d", view.ErrNotBack, fields, to.Next)
	case word == "ok" && len(fields) > 0:
		to.Hold = fields[0] != "0" // a rewind leaves a pause as it is
	}
	return to, meaning(word)
}

// Positions implements view.Store. It asks for the partitions that there are, and never searches: SCAN would go through
// the keys of all phones, twice a second.
func (s Store) Positions(ctx context.Context, projection, topic string) ([]view.Position, error) {
	pipe := s.client.Pipeline()
	stream := view.Stream{Projection: projection, Topic: topic}
	var asked []*redis.SliceCmd
	for stream.Partition = range events.Partitions {
		asked = append(asked, pipe.HMGet(ctx, positionKey(stream), fieldNames()...))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, Sort(err)
	}
	var positions []view.Position
	for partition, a := range asked {
		if a.Val()[0] == nil {
			continue
		}
		stream.Partition = int32(partition)
		at, err := positionOf(stream, a.Val())
		if err != nil {
			return nil, err
		}
		positions = append(positions, at)
	}
	return positions, nil
}

// run runs a script, by its digest where Redis knows it, and returns the word and the values that it answers.
func (s Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (word string, values []any, err error) {
	answer, err := script.Run(ctx, s.client, keys, args...).Slice()
	if err != nil {
		return "", nil, Sort(err)
	}
	if len(answer) > 0 {
		word, _ = answer[0].(string)
	}
	if word == "" {
		return "", nil, errors.New("a script in Redis gave no answer")
	}
	return word, answer[1:], nil
}

// meaning translates a script's word.
func meaning(word string) error {
	switch word {
	case "ok":
		return nil
	case "gone":
		return view.ErrPositionGone
	case "held":
		return view.ErrHeld
	case "fenced":
		return view.ErrFenced
	case "not forward":
		return view.ErrNotForward
	}
	return fmt.Errorf("a script in Redis answered %q", word)
}
