package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"leadlog/projectors/redisstore"
	"leadlog/projectors/redisstore/redistest"
	"leadlog/projectors/view"
)

func TestOpenNamesTheVariableAndHidesTheURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "secret", "http://secret@h", "redis://u:se cret@h:1", "redis://u:secret@h:x/0", "redis://u:secret@h/notadb", "redis://u:secret@h/0?secret=1"} {
		_, err := redisstore.Open(url, "leadlog-test")
		if err == nil || !strings.Contains(err.Error(), "REDIS_URL") || strings.Contains(err.Error(), "cret@") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	m.RequireUserAuth("leadlog", "right")
	for _, url := range []string{"redis://" + m.Addr(), "redis://leadlog:wrong@" + m.Addr()} {
		client, err := redisstore.Open(url, "leadlog-test")
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_, err = redisstore.New(client).Claim(t.Context(), testStream())
		if !redisstore.Refused(err) || strings.Contains(err.Error(), "wrong@") {
			t.Errorf("got %v", err)
		}
	}
}

// A server that is not there, or that does not answer in time, is waited for.
func TestAway(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	m.Server().SetPreHook(func(c *server.Peer, _ string, _ ...string) bool {
		c.WriteError("LOADING Redis is loading the dataset in memory")
		return true
	})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, addr := range map[string]string{"loading": m.Addr(), "silent": l.Addr().String(), "nobody": "127.0.0.1:1"} {
		client, err := redisstore.Open("redis://"+addr, "leadlog-test")
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err = redisstore.New(client).Claim(ctx, testStream())
		if view.Classify(err) != view.Retry || redisstore.Refused(err) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %v, although the context had ended", name, took)
		}
	}
}

// reply is an error as the server sends it.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestSort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]view.Action{
		"WRONGTYPE Operation against a key holding the wrong kind of value": view.Stop,
		"CROSSSLOT Keys in request don't hash to the same slot":             view.Stop,
		"LOADING Redis is loading the dataset in memory":                    view.Retry,
		"READONLY You can't write against a read only replica.":             view.Retry,
		"OOM command not allowed when used memory > 'maxmemory'.":           view.Retry,
		"BUSY Redis is busy running a script.":                              view.Retry,
		"MASTERDOWN Link with MASTER is down":                               view.Retry,
		"MISCONF Errors writing to the AOF file: No space left on device":   view.Retry,
		"NOAUTH Authentication required.":                                   view.Retry,
		"ERR max number of clients reached":                                 view.Retry,
	} {
		if got := view.Classify(redisstore.Sort(reply(text))); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if err := redisstore.Sort(view.ErrHeld); !errors.Is(err, view.ErrHeld) || errors.Is(err, view.ErrStoreDown) || redisstore.Sort(nil) != nil {
		t.Errorf("what is sorted is sorted again: %v", err)
	}
}

func TestCheckEviction(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		if err := redisstore.CheckEviction(t.Context(), client); err != nil {
			t.Error(err)
		}
	})
	type answers struct{ config, info string }
	for name, c := range map[string]struct {
		answers
		refused string // what the error names
	}{
		"CONFIG says it evicts":                    {answers{config: "allkeys-lru"}, "allkeys-lru"},
		"CONFIG is forbidden, INFO says it evicts": {answers{info: "# Memory\r\nused_memory:1\r\nmaxmemory_policy:volatile-ttl\r\n"}, "volatile-ttl"},
		"CONFIG is forbidden, INFO says it keeps":  {answers{info: "# Memory\r\nmaxmemory_policy:noeviction\r\n"}, ""},
		"both are forbidden":                       {answers{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := miniredis.RunT(t)
			m.Server().SetPreHook(func(peer *server.Peer, cmd string, _ ...string) bool {
				switch {
				case cmd == "CONFIG" && c.config != "":
					peer.WriteLen(2)
					peer.WriteBulk("maxmemory-policy")
					peer.WriteBulk(c.config)
				case cmd == "INFO" && c.info != "":
					peer.WriteBulk(c.info)
				case cmd == "CONFIG", cmd == "INFO":
					peer.WriteError("NOPERM this user has no permissions to run the command")
				default:
					return false
				}
				return true
			})
			client, err := redisstore.Open("redis://"+m.Addr(), "leadlog-test")
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			err = redisstore.CheckEviction(t.Context(), client)
			if (err != nil) != (c.refused != "") || err != nil && (!strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "REDIS_URL")) {
				t.Fatalf("got %v", err)
			}
		})
	}
}
