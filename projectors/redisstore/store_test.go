package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"leadlog/events"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const positionKey = "leadlog:position:dedup:phone-submitted:3"

func testStream() view.Stream {
	return view.Stream{
		Projection: "dedup", Topic: events.Topic, Partition: 3,
		TopicID: uuid.MustParse("0191d5a0-0000-7000-8000-000000000001"),
	}
}

// claimed returns a store and its one position, at offset 100.
func claimed(t *testing.T, client *redis.Client) (redisstore.Store, view.Position) {
	t.Helper()
	store := redisstore.New(client)
	if err := store.Create(t.Context(), view.Position{Stream: testStream(), Mark: view.Mark{Next: 100, Epoch: -1}}); err != nil {
		t.Fatal(err)
	}
	at, err := store.Claim(t.Context(), testStream())
	if err != nil {
		t.Fatal(err)
	}
	return store, at
}

func nothing(context.Context, *redisstore.Tx) error { return nil }

func set(key string) func(context.Context, *redisstore.Tx) error {
	return func(_ context.Context, tx *redisstore.Tx) error {
		tx.Set(key, "written", time.Now().Add(time.Hour))
		return nil
	}
}

func TestPositionAsOthersReadIt(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		claimed(t, client)
		got, err := client.HGetAll(t.Context(), positionKey).Result()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"topic_id": "0191d5a0-0000-7000-8000-000000000001", "generation": "1", "next_offset": "100",
			"leader_epoch": "-1", "hold": "0", "target": "-1", "pace": "0", "cause": "",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// The reads of an effect are as good as the script's own: whoever could have changed what was read has moved the position,
// and then nothing is written.
func TestOvertakenDuringTheEffect(t *testing.T) {
	t.Parallel()
	for name, overtake := range map[string]struct {
		by   func(context.Context, *redis.Client, redisstore.Store, view.Position) error
		want error
	}{
		"by a claim": {func(ctx context.Context, _ *redis.Client, s redisstore.Store, at view.Position) error {
			_, err := s.Claim(ctx, at.Stream)
			return err
		}, view.ErrFenced},
		"by a twin with the same generation": {func(ctx context.Context, _ *redis.Client, s redisstore.Store, at view.Position) error {
			_, err := s.Commit(ctx, at, view.Mark{Next: 105}, nothing)
			return err
		}, view.ErrFenced},
		"by a rewind": {func(ctx context.Context, _ *redis.Client, s redisstore.Store, at view.Position) error {
			_, err := s.Rewind(ctx, at, 50, "test", nothing)
			return err
		}, view.ErrFenced},
		"by a pause": {func(ctx context.Context, c *redis.Client, _ redisstore.Store, _ view.Position) error {
			return c.HSet(ctx, positionKey, "hold", 1).Err()
		}, view.ErrHeld},
		"by FLUSHALL": {func(ctx context.Context, c *redis.Client, _ redisstore.Store, _ view.Position) error {
			return c.Del(ctx, positionKey).Err()
		}, view.ErrPositionGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, client *redis.Client) {
				store, at := claimed(t, client)
				_, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, func(ctx context.Context, tx *redisstore.Tx) error {
					return errors.Join(set("dedup:phone:x")(ctx, tx), overtake.by(ctx, client, store, at))
				})
				if !errors.Is(err, overtake.want) {
					t.Fatalf("got %v, want %v", err, overtake.want)
				}
				if n := client.Exists(t.Context(), "dedup:phone:x").Val(); n != 0 {
					t.Fatal("it wrote all the same")
				}
				if next := client.HGet(t.Context(), positionKey, "next_offset").Val(); next == "110" {
					t.Fatal("the position moved all the same")
				}
			})
		})
	}
}

func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, _ := claimed(t, client)
		var generations sync.Map
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				at, err := store.Claim(t.Context(), testStream())
				if _, twice := generations.LoadOrStore(at.Generation, true); twice || err != nil {
					t.Errorf("generation %d, %v", at.Generation, err)
				}
			})
		}
		group.Wait()
	})
}

func TestWritesOfAMove(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, at := claimed(t, client)
		ctx := t.Context()
		for key, value := range map[string]string{"equal": "mine", "other": "theirs", "claim": "c|1"} {
			if err := client.Set(ctx, key, value, time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.LPush(ctx, "list", "mine").Err(); err != nil {
			t.Fatal(err)
		}
		expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
		at, err := store.Commit(ctx, at, view.Mark{Next: 110, Epoch: 7}, func(_ context.Context, tx *redisstore.Tx) error {
			tx.Set("claim", "o|1", expires)
			tx.DeleteIfEqual("equal", "mine")
			tx.DeleteIfEqual("other", "mine")
			tx.DeleteIfEqual("list", "mine")
			tx.DeleteIfEqual("absent", "mine")
			tx.Set("again", "first", expires)
			tx.DeleteIfEqual("again", "first")
			tx.Set("again", "last", expires)
			return nil
		})
		if err != nil || at.Next != 110 || at.Epoch != 7 {
			t.Fatalf("moved to %+v, %v", at, err)
		}
		for key, want := range map[string]string{"claim": "o|1", "equal": "", "other": "theirs", "again": "last"} {
			if got := client.Get(ctx, key).Val(); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		if n := client.LLen(ctx, "list").Val(); n != 1 {
			t.Error("a list is gone that holds what was to be deleted")
		}
		if ttl := client.PTTL(ctx, "claim").Val(); ttl > time.Until(expires)+time.Second || ttl < time.Until(expires)-time.Second {
			t.Errorf("expires in %v, want %v", ttl, time.Until(expires))
		}
	})
}

func TestRewind(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, at := claimed(t, client)
		if _, err := store.Commit(t.Context(), at, view.Mark{Next: 200}, nothing); err != nil {
			t.Fatal(err)
		}
		for _, to := range []int64{-1, 201} {
			if _, err := store.Rewind(t.Context(), at, to, "test", set("x")); !errors.Is(err, view.ErrNotBack) {
				t.Errorf("to %d: %v", to, err)
			}
		}
		moved, err := store.Rewind(t.Context(), at, 9, "test", nothing) // traffic since then does not refuse it
		want := view.Position{
			Stream: at.Stream, Mark: view.Mark{Next: 9, Epoch: -1}, Generation: 2, Target: view.NoTarget, Version: 1, Cause: "test",
		}
		if err != nil || moved != want {
			t.Fatalf("moved to %+v, %v; want %+v", moved, err, want)
		}
		stored, err := store.Positions(t.Context(), "dedup", events.Topic)
		if err != nil || len(stored) != 1 || stored[0] != want {
			t.Fatalf("stored is %+v, %v; want %+v", stored, err, want)
		}
		if _, err := store.Rewind(t.Context(), at, 5, "test", set("x")); !errors.Is(err, view.ErrFenced) {
			t.Errorf("with an old generation: %v", err)
		}
		if n := client.Exists(t.Context(), "x").Val(); n != 0 {
			t.Error("a refused rewind wrote")
		}
	})
}

// Redis forgets scripts when it restarts, and at SCRIPT FLUSH.
func TestScriptsForgotten(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, at := claimed(t, client)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, set("x")); err != nil {
			t.Fatal(err)
		}
	})
}

// A key that holds something else stops the partition: no retry can help.
func TestPositionIsSomethingElse(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, at := claimed(t, client)
		if err := client.Del(t.Context(), positionKey).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.LPush(t.Context(), positionKey, "x").Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, set("x")); view.Classify(err) != view.Stop {
			t.Errorf("commit: %v", err)
		}
		if _, err := store.Claim(t.Context(), at.Stream); view.Classify(err) != view.Stop {
			t.Errorf("claim: %v", err)
		}
	})
}

func TestAnErrorOfTheEffectMovesNothing(t *testing.T) {
	t.Parallel()
	client := redistest.Mini(t)
	store, at := claimed(t, client)
	bad := errors.New("bad")
	_, err := store.Commit(t.Context(), at, view.Mark{Next: 110}, func(context.Context, *redisstore.Tx) error { return bad })
	if !errors.Is(err, bad) || view.Classify(err) != view.Stop {
		t.Fatalf("got %v", err)
	}
	if next := client.HGet(t.Context(), positionKey, "next_offset").Val(); next != "100" {
		t.Fatalf("moved to %s", next)
	}
}

// Positions that were stored before there were causes and paces.
func TestAnOlderPositionIsReadAndMoved(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		store, at := claimed(t, client)
		if err := client.HDel(t.Context(), positionKey, "pace", "cause").Err(); err != nil {
			t.Fatal(err)
		}
		stored := func() view.Position {
			positions, err := store.Positions(t.Context(), "dedup", events.Topic)
			if err != nil || len(positions) != 1 {
				t.Fatalf("%+v, %v", positions, err)
			}
			return positions[0]
		}
		if stored() != at {
			t.Fatalf("stored is %+v, want %+v", stored(), at)
		}
		next, err := store.Claim(t.Context(), at.Stream)
		if err != nil {
			t.Fatal(err)
		}
		moved, err := store.Commit(t.Context(), next, view.Mark{Next: 110, Epoch: 2, Pace: 7.5}, nothing)
		if err != nil || stored() != moved {
			t.Fatalf("moved to %+v, %v; stored is %+v", moved, err, stored())
		}
	})
}
