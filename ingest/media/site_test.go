package media

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"leadlog/ops/telemetry"
)

// follower runs a bucket, and gets what it shows. A site of "bad" is refused.
type follower struct {
	*edge
	shown chan string
}

func follow(e *edge) *follower {
	f := &follower{edge: e, shown: make(chan string, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Bucket.Run(ctx, func(text []byte) error {
			f.shown <- string(text)
			if strings.HasPrefix(string(text), "bad") {
				return errors.New("no JSON")
			}
			return nil
		})
	}()
	e.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			e.Error(err)
		}
	})
	return f
}

// expect waits for what is shown next.
func (f *follower) expect(want string) {
	f.Helper()
	select {
	case got := <-f.shown:
		if got != want {
			f.Errorf("shown is %q, want %q", got, want)
		}
	case <-time.After(patience):
		f.Fatalf("%q is never shown", want)
	}
}

// until waits for a health that a condition likes.
func (f *follower) until(what string, good func(telemetry.Part) bool) {
	f.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		_, parts := f.health.Snapshot()
		if good(parts[PartName]) {
			return
		}
		if time.Since(began) > patience {
			f.Fatalf("%s: never; health is %+v", what, parts[PartName])
		}
	}
}

// untilAsked waits until S3 was asked so many times more.
func (f *follower) untilAsked(s3 *fakeS3, more int64) {
	f.Helper()
	asked := s3.asked.Load()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); s3.asked.Load() < asked+more; <-tick.C {
		if time.Since(began) > patience {
			f.Fatal("S3 is not asked again")
		}
	}
}

func quick() limits {
	l := defaultLimits()
	l.reread, l.again, l.rest = 10*time.Millisecond, 10*time.Millisecond, 5*time.Millisecond
	return l
}

func TestTheSiteFollowsTheBucket(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	e := newEdge(t, s3.store(), quick())
	f := follow(e)
	f.until("that there is no bucket is told", func(p telemetry.Part) bool {
		return p.Status == telemetry.Degraded && strings.HasPrefix(p.Detail, "S3_BUCKET: there is no bucket "+e.store.Bucket+": `ops site put`")
	})

	e.makeBucket()
	f.until("no site.json is no trouble", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })
	e.put(SiteKey, "application/json", []byte("one"))
	f.expect("one")

	// A bad one is refused once, and said in health. The last good one stays: nothing is shown again.
	e.put(SiteKey, "application/json", []byte("bad two"))
	f.expect("bad two")
	f.until("the bad one is told", func(p telemetry.Part) bool {
		return p.Status == telemetry.Degraded && p.Detail == "site.json: no JSON"
	})
	e.put(SiteKey, "application/json", []byte(strings.Repeat("x", MaxSite+1)))
	f.until("the large one is told", func(p telemetry.Part) bool { return strings.Contains(p.Detail, "larger than 64 KiB") })
	e.put(SiteKey, "application/json", []byte("three"))
	f.expect("three")
	f.until("all is well", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })

	// Gone: what is shown stays, and that is said, since another edge would show something else.
	if err := e.client.RemoveObject(t.Context(), e.store.Bucket, SiteKey, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	f.until("it is gone", func(p telemetry.Part) bool { return strings.Contains(p.Detail, "gone") })
	e.put(SiteKey, "application/json", []byte("three"))
	f.expect("three")
	f.until("it is back", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })
	if e.logged.count("level=WARN") != 4 {
		t.Errorf("logged:\n%s", e.logged.text.String())
	}
}

// What has not changed is not fetched, not shown and not complained of again.
func TestTheSameSiteIsReadOnce(t *testing.T) {
	t.Parallel()
	for name, conditions := range map[string]bool{"with conditions": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3 := newFakeS3(t)
			e := newEdge(t, s3.store(), quick())
			e.makeBucket()
			e.put(SiteKey, "application/json", []byte("bad one"))
			s3.careless.Store(!conditions)
			f := follow(e)
			f.expect("bad one")
			f.untilAsked(s3, 10)
			if len(f.shown) != 0 || e.logged.count("level=WARN") != 1 {
				t.Errorf("shown again %d times; logged:\n%s", len(f.shown), e.logged.text.String())
			}
		})
	}
}

func TestTheSiteStaysWhileS3IsAway(t *testing.T) {
	t.Parallel()
	s3 := newFakeS3(t)
	e := newEdge(t, s3.store(), quick())
	e.makeBucket()
	e.put(SiteKey, "application/json", []byte("one"))
	s3.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f := follow(e)
	f.until("S3 is away from the start", func(p telemetry.Part) bool { return p.Status == telemetry.Degraded })
	s3.instead(nil)
	f.expect("one")
	f.until("S3 is here", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })
	s3.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f.until("S3 is away", func(p telemetry.Part) bool { return p.Status == telemetry.Degraded })
	f.untilAsked(s3, 5) // it stays away for a while, and that is said once
	s3.instead(nil)
	f.until("S3 is back", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })
	if len(f.shown) != 0 {
		t.Errorf("the same is shown again: %q", <-f.shown)
	}
	if away, here := e.logged.count("s3: away"), e.logged.count("s3: here"); away != 2 || here != 2 {
		t.Errorf("%d lines for going, %d for coming:\n%s", away, here, e.logged.text.String())
	}
}

// One look is enough: an edge that nobody asks for media says all the same that S3 is away.
func TestS3IsAwayFromTheStart(t *testing.T) {
	t.Parallel()
	l := defaultLimits()
	l.again = time.Hour
	f := follow(newEdge(t, nobody(t), l))
	f.until("S3 is away", func(p telemetry.Part) bool { return p.Status == telemetry.Degraded })
}

// An S3 that hangs holds nobody's end up.
func TestRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	e := newEdge(t, silence(t), defaultLimits())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := e.Bucket.Run(ctx, func([]byte) error { return fmt.Errorf("never") }); err != nil || time.Since(began) > time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	if e.logged.count("level=WARN") != 0 {
		t.Errorf("ending is no trouble:\n%s", e.logged.text.String())
	}
}

func TestTheSiteOnARealS3(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		e.limits = quick()
		e.makeBucket()
		e.put(SiteKey, "application/json", []byte("one"))
		f := follow(e)
		f.expect("one")
		e.put(SiteKey, "application/json", []byte("two"))
		f.expect("two")
	})
}
