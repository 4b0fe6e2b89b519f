package dedup_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"leadlog/events"
	"leadlog/projectors/dedup"
	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
)

func TestKeysOfAnOpener(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		opener := event(7, phone, ago(2))
		f.apply(opener, event(8, phone, ago(1)))
		f.holds(publicKey, public(opener))
		f.holds(foldKey, private(opener))
		for key, want := range map[string]time.Duration{publicKey: 22 * time.Hour, foldKey: 25 * time.Hour} {
			if got := client.PTTL(t.Context(), key).Val(); (got - want).Abs() > 5*time.Second {
				t.Errorf("%s expires in %v, want %v", key, got, want)
			}
		}
	})
}

// The public key ends with its window to the millisecond: a claim a moment later must be new.
func TestPublicKeyEndsWithItsWindow(t *testing.T) {
	t.Parallel()
	client := redistest.Real(t)
	f := start(t, client)
	opener := event(0, phone, time.Now())
	f.apply(opener)
	got := client.PExpireTime(t.Context(), publicKey).Val() // a Unix time, which go-redis calls a duration
	if want := opener.Time.Add(events.WindowLength).UnixMilli(); got.Milliseconds() != want {
		t.Errorf("expires at %d, want %d", got.Milliseconds(), want)
	}
}

// A claim of the edge stands where the public key will stand. It decides nothing, an opener takes its place, and a
// duplicate leaves it alone.
func TestClaims(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		claim := func() {
			if err := client.Set(t.Context(), publicKey, "c|x", 30*time.Second).Err(); err != nil {
				t.Fatal(err)
			}
		}
		claim()
		f.apply(event(0, phone, ago(30))) // of a window that is over: the claim is for a later event
		f.holds(publicKey, "c|x")
		opener := event(1, phone, ago(0))
		f.apply(opener)
		f.holds(publicKey, public(opener))
		claim() // as if the window's key had gone too early
		f.apply(event(2, phone, ago(0)))
		f.holds(publicKey, "c|x")
		if ttl := client.PTTL(t.Context(), publicKey).Val(); ttl > 30*time.Second {
			t.Errorf("the claim lasts %v", ttl)
		}
	})
}

// Catching up, the view judges windows that are over: they decide which event opened the one that is not.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		log := []events.Event{
			event(0, phone, ago(72)), // opens
			event(1, phone, ago(50)),
			event(2, phone, ago(40)), // opens
			event(3, phone, ago(17)), // would be open now, if 1 had opened a window or 2 had not
		}
		for _, e := range log {
			f.apply(e)
			f.holds(publicKey, "")
		}
		open := event(4, phone, ago(10))
		f.apply(open)
		f.holds(publicKey, public(open))
	})
}

// A worker that lags judges an event whose opener's public key has just gone.
func TestLateJudgement(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		opener := event(0, phone, ago(24.5))
		f.apply(opener)
		f.holds(publicKey, "")
		f.apply(event(1, phone, ago(0.6)))
		f.holds(publicKey, "")
		f.holds(foldKey, private(opener))
	})
}

// T goes backwards when a broker with another clock becomes leader. The last opener is the one that counts, and if its
// window is over, none is open.
func TestClockBackwards(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		first, second := event(0, phone, ago(1)), event(1, phone, ago(26))
		f.apply(first)
		f.holds(publicKey, public(first))
		f.apply(second)
		f.holds(publicKey, "")
		f.holds(foldKey, private(second)+","+private(first))
	})
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	opener := event(0, phone, ago(40))
	second := event(1, phone, ago(2))
	cases := map[string]struct {
		before, after []events.Event
		claim         bool
		public, fold  string
	}{
		"the opener": {
			before: []events.Event{second}, after: []events.Event{tombstone(2, second)},
		},
		"the opener, in its own batch": {
			after: []events.Event{second, tombstone(2, second)},
		},
		"an opener before": {
			before: []events.Event{opener, second}, after: []events.Event{tombstone(2, opener)},
			public: public(second), fold: private(second),
		},
		"the last opener, and an older one comes to light": {
			before: []events.Event{opener, second}, after: []events.Event{tombstone(2, second)},
			fold: private(opener),
		},
		"a claim stands in the opener's place": {
			before: []events.Event{second}, after: []events.Event{tombstone(2, second)},
			claim: true, public: "c|x",
		},
		"a duplicate": {
			before: []events.Event{second, event(2, phone, ago(1))}, after: []events.Event{tombstone(3, event(2, phone, ago(1)))},
			public: public(second), fold: private(second),
		},
		"the opener, before the next": {
			before: []events.Event{second}, after: []events.Event{tombstone(2, second), event(3, phone, ago(1))},
			public: public(event(3, phone, ago(1))), fold: private(event(3, phone, ago(1))),
		},
		"a key that is no record's": {
			before: []events.Event{second}, after: []events.Event{{Partition: partition, Offset: 2, Tombstone: true}},
			public: public(second), fold: private(second),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, client *redis.Client) {
				f := start(t, client)
				if len(c.before) > 0 {
					f.apply(c.before...)
				}
				if c.claim {
					if err := client.Set(t.Context(), publicKey, "c|x", 30*time.Second).Err(); err != nil {
						t.Fatal(err)
					}
				}
				f.apply(c.after...)
				// Events made anew have another millisecond: what counts is whose the keys are.
				for key, want := range map[string]string{publicKey: c.public, foldKey: c.fold} {
					if got := f.client.Get(f.Context(), key).Val(); idsOf(got) != idsOf(want) {
						t.Errorf("%s is %q, want %q", key, got, want)
					}
				}
			})
		})
	}
}

// idsOf leaves the times out of a value.
func idsOf(value string) string {
	var ids []string
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '|' || r == ',' }) {
		if len(part) != len("1700000000000") {
			ids = append(ids, part)
		}
	}
	return strings.Join(ids, "|")
}

// An erased record is found among more openers than one step of a search looks at.
func TestTombstoneAmongMany(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		var log []events.Event
		for i := range int64(3000) {
			log = append(log, event(i, fmt.Sprintf("+98912%07d", i), ago(1)))
		}
		f.apply(log...)
		f.apply(tombstone(3000, log[17]), tombstone(3001, log[2900]))
		if got := len(f.dump()); got != 2*2998 {
			t.Errorf("%d keys are left, want those of 2998 phones", got)
		}
		f.holds("dedup:phone:"+log[17].Phone, "")
		f.holds("dedup:fold:3:"+log[2900].Phone, "")
		rows := 0
		for row, err := range dedup.New(client).Rows(t.Context(), partition, 0, math.MaxInt64) {
			if err != nil || row.RecordID == log[17].RecordID {
				t.Fatal(row, err)
			}
			rows++
		}
		if rows != 2998 {
			t.Errorf("%d rows, want 2998", rows)
		}
	})
}

// After FLUSHALL nothing is known, and the view starts anew: a hint needs no rescue.
func TestFlushed(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		f := start(t, client)
		opener := event(0, phone, ago(1))
		f.apply(opener)
		if err := client.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		again := event(1, phone, ago(0))
		if _, err := f.view.Apply(t.Context(), f.at, view.Mark{Next: 2}, []events.Event{again}); !errors.Is(err, view.ErrPositionGone) {
			t.Errorf("apply: %v", err)
		}
		if _, err := f.view.Claim(t.Context(), f.at.Stream); !errors.Is(err, view.ErrPositionGone) {
			t.Errorf("claim: %v", err)
		}
		if has, err := f.view.HasRows(t.Context(), partition); has || err != nil {
			t.Errorf("has rows: %v, %v", has, err)
		}
		if len(f.dump()) != 0 {
			t.Errorf("a worker without a position wrote %v", f.dump())
		}
		f = start(t, client)
		f.apply(opener, again)
		f.holds(publicKey, public(opener))
	})
}

// What somebody else put into the view's keys stops the partition, and is not quoted: a key's name holds a phone.
func TestKeyHoldsSomethingElse(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for _, value := range []string{"x", "1|2|3", "x|0191d5a0-0000-7000-8000-000000000001|0191d5a0-0000-7000-8000-000000000001|1"} {
			f := start(t, client)
			if err := client.Set(t.Context(), foldKey, value, time.Minute).Err(); err != nil {
				t.Fatal(err)
			}
			_, err := f.view.Apply(t.Context(), f.at, view.Mark{Next: f.at.Next + 1}, []events.Event{event(f.at.Next, phone, ago(0))})
			if view.Classify(err) != view.Stop || strings.Contains(err.Error(), phone) {
				t.Errorf("%q: %v", value, err)
			}
		}
	})
}

func TestKeepComplainsAboutEviction(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	m.Server().SetPreHook(func(peer *server.Peer, cmd string, _ ...string) bool {
		if cmd != "CONFIG" {
			return false
		}
		peer.WriteLen(2)
		peer.WriteBulk("maxmemory-policy")
		peer.WriteBulk("allkeys-lru")
		return true
	})
	client, err := redisstore.Open("redis://"+m.Addr(), "leadlog-test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := start(t, client).view.Keep(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Errorf("got %v", err)
	}
}
