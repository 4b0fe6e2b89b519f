package submit

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leadlog/events"
	"leadlog/ingest/kafkalog"
)

// oneTurn is an endpoint with a single turn, and room for two to wait. Its appends last until they are let go.
func oneTurn(t *testing.T, change ...func(*Config)) (e endpoint, letGo chan struct{}) {
	t.Helper()
	return someTurns(t, 1, change...)
}

// someTurns is an endpoint with some. In the end every turn has to be back, and nobody may be left in line.
func someTurns(t *testing.T, turns int64, change ...func(*Config)) (e endpoint, letGo chan struct{}) {
	t.Helper()
	e = newEndpoint(t, change...)
	ts := newTurnstile(turns, 2, e.world.Reserve)
	e.turnstile = ts
	t.Cleanup(func() {
		wantIdle(t, ts)
	})
	letGo = make(chan struct{})
	e.world.appending = func() { <-letGo }
	return e, letGo
}

// wantIdle fails the test unless every turn is back, and nobody is left in line.
func wantIdle(t *testing.T, ts *turnstile) {
	t.Helper()
	if ts.taken != 0 || ts.lines.waiting != 0 || ts.held != [events.Partitions]int64{} {
		t.Errorf("in the end %d turns are taken, %v by partition, and %d wait", ts.taken, ts.held, ts.lines.waiting)
	}
}

// of is a record of a partition.
func of(partition int32) *events.Record { return &events.Record{Partition: partition} }

// endless is a log that has room.
func endless(*events.Record) bool { return true }

// later sends a submission; what it is answered comes when it is answered.
func (e endpoint) later(phone string) chan int {
	status := make(chan int, 1)
	go func() { status <- e.now(phone).Code }()
	synctest.Wait()
	return status
}

func (e endpoint) waiting() int64 {
	var waiting int64
	for p := range int32(events.Partitions) {
		waiting += e.turnstile.waitingFor(p)
	}
	return waiting
}

func (e endpoint) now(phone string) *httptest.ResponseRecorder {
	return e.send(post(asJSON, `{"phone":"`+phone+`"}`))
}

// refusedAtOnce fails the test unless a phone is refused with that code and without a wait.
func (e endpoint) refusedAtOnce(t *testing.T, phone, code string) {
	t.Helper()
	began := time.Now()
	answer := e.now(phone)
	if !strings.Contains(answer.Body.String(), code) || time.Since(began) != 0 {
		t.Errorf("%d after %v, want %s at once: %s", answer.Code, time.Since(began), code, answer.Body)
	}
}

func wantAccepted(t *testing.T, statuses ...chan int) {
	t.Helper()
	for _, status := range statuses {
		if got := <-status; got != http.StatusAccepted {
			t.Errorf("status %d", got)
		}
	}
}

func TestWhoIsTooManyWaitsForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		phones := []string{"09121111111", "09122222222", "09123333333"}
		first, second, third := e.later(phones[0]), e.later(phones[1]), e.later(phones[2])
		if want := []string{"admit", "append"}; !slices.Equal(e.world.diary, want) || e.waiting() != 2 {
			t.Errorf("%v was done while the turn is taken, and %d wait", e.world.diary, e.waiting())
		}
		for _, status := range []chan int{first, second, third} {
			letGo <- struct{}{}
			wantAccepted(t, status)
			synctest.Wait()
		}
		for i, phone := range phones {
			if got := decode(t, e.world.appended[i]).Phone; got != phone {
				t.Errorf("%s had turn %d", got, i)
			}
		}
	})
}

// The topic may break its contract while somebody waits: no claim is made then.
func TestWhoseTurnComesWhenTheLogTakesNothingIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		first := e.later("09121111111")
		second := e.later("09122222222")
		e.world.notReady = kafkalog.ErrNotReady
		close(letGo)
		wantAccepted(t, first)
		if got := <-second; got != http.StatusServiceUnavailable || len(e.world.diary) != 2 {
			t.Errorf("status %d, %v was done", got, e.world.diary)
		}
	})
}

// Partitions whose brokers are gone stand in nobody's way: who comes for another one passes those who wait for them.
func TestAPartitionHoldsNoMoreThanItsShareOfTheTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := someTurns(t, 2*shareOf)
		first, second := e.later("09121111111"), e.later("09121111111")
		third := e.later("09121111111")
		other := e.later("09122222222")
		if got := len(e.world.appended); got != 3 || e.waiting() != 1 {
			t.Errorf("%d were appended, %d wait: a partition has two turns here, and another one its own", got, e.waiting())
		}
		close(letGo)
		wantAccepted(t, first, second, third, other)
	})
}

// A refusal at once would bring the next request at once: where brokers pause, the whole line would be gone in a moment.
func TestWhoFindsNoRoomInTheLogWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := someTurns(t, 100*shareOf)
		e.world.hasRoom(1)
		first, second := e.later("09121111111"), e.later("09121111111")
		other := e.later("09122222222")
		if got := len(e.world.appended); got != 1 || e.waiting() != 2 {
			t.Errorf("%d were appended, %d wait, with room for one", got, e.waiting())
		}
		close(letGo)
		wantAccepted(t, first, second, other)
	})
}

// Room that comes when nobody leaves, such as by an ack that nobody waits for any more, is noticed by whoever comes or gives up.
func TestRoomThatComesByItselfIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := someTurns(t, 100*shareOf)
		close(letGo)
		e.world.hasRoom(0)
		first, second := e.later("09121111111"), e.later("09121111111")
		e.world.hasRoom(1)
		came := time.Now()
		wantAccepted(t, e.later("09121111111"), first, second)
		if took := time.Since(came); took != 0 {
			t.Errorf("who came made the others wait for %v", took)
		}

		e.world.hasRoom(0)
		alone := e.later("09121111111")
		e.world.hasRoom(1)
		began := time.Now()
		wantAccepted(t, alone)
		if took := time.Since(began); took != turnWithin {
			t.Errorf("it took %v", took)
		}
	})
}

func TestALineThatIsFullDoesNotKeepOthersFromTurnsThatAreFree(t *testing.T) {
	t.Parallel()
	ts := newTurnstile(100*shareOf, 1, func(r *events.Record) bool { return r.Partition != 3 })
	if w, err := ts.join(of(3)); w == nil || err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := ts.join(of(3)); !errors.Is(err, errLine) {
		t.Errorf("%v", err)
	}
	if err := ts.enter(of(4)); err != nil {
		t.Errorf("%v", err)
	}
}

func TestNobodyWaitsForALogThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		first := e.later("09121111111")
		e.world.notReady = kafkalog.ErrNotReady
		e.refusedAtOnce(t, "09122222222", "not_ready")
		close(letGo)
		wantAccepted(t, first)
	})
}

func TestWhoWaitsTooLongIsRefusedAndNothingIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		first := e.later("09121111111")
		began := time.Now()
		refused := e.now("09122222222")
		if refused.Code != http.StatusServiceUnavailable || refused.Header().Get("Retry-After") != "1" || !strings.Contains(refused.Body.String(), "overloaded") {
			t.Errorf("%d %v %s", refused.Code, refused.Header(), refused.Body)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		close(letGo)
		wantAccepted(t, first)
		if len(e.world.appended) != 1 || value(t, e.metrics.noTurn.WithLabelValues("waited")) != 1 {
			t.Errorf("%d were appended, %v were counted", len(e.world.appended), value(t, e.metrics.noTurn.WithLabelValues("waited")))
		}
		if said := e.logs.String(); !strings.Contains(said, "more at once than") {
			t.Errorf("nobody is told: %s", said)
		}
		wantAccepted(t, e.later("09123333333")) // whose turn did not come has not taken one along
	})
}

func TestNobodyJoinsALineThatIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		first, second, third := e.later("09121111111"), e.later("09122222222"), e.later("09123333333")
		e.refusedAtOnce(t, "09124444444", "overloaded")
		close(letGo)
		wantAccepted(t, first, second, third)
		wantAccepted(t, e.later("09124444444"))
	})
}

func TestBadInputDoesNotWaitForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		first := e.later("09121111111")
		e.refusedAtOnce(t, "no phone", "invalid_phone")
		close(letGo)
		wantAccepted(t, first)
	})
}

func TestOneClientHasAShareOfTheTurnsAndTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t, func(cfg *Config) { cfg.MaxPerClient = 2 })
		first, second := e.later("09121111111"), e.later("09122222222")
		e.refusedAtOnce(t, "09123333333", "rate_limited")
		if got := value(t, e.metrics.noShare); got != 1 {
			t.Errorf("%v were counted", got)
		}
		close(letGo)
		wantAccepted(t, first, second)
		wantAccepted(t, e.later("09123333333"))
	})
}

func TestWhoSendsSlowlyTakesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		slow := post(asJSON, "")
		body, rest := io.Pipe()
		slow.Body, slow.ContentLength = body, -1
		late := make(chan int, 1)
		go func() { late <- e.send(slow).Code }()
		synctest.Wait()
		close(letGo)
		wantAccepted(t, e.later("09121111111"))
		_, _ = io.WriteString(rest, `{"phone":"09122222222"}`)
		_ = rest.Close()
		wantAccepted(t, late)
	})
}

func TestATurnComesBackAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := oneTurn(t)
		e.world.appending = func() { panic("a bug") }
		func() {
			defer func() { _ = recover() }()
			e.now("09121111111")
		}()
		e.world.appending = nil
		began := time.Now()
		if answer := e.now("09122222222"); answer.Code != http.StatusAccepted || time.Since(began) != 0 {
			t.Errorf("status %d after %v", answer.Code, time.Since(began))
		}
	})
}

func TestATurnThatComesAtTheLastMomentIsTaken(t *testing.T) {
	t.Parallel()
	ts := newTurnstile(1, 2, endless)
	if err := ts.enter(of(0)); err != nil {
		t.Fatal(err)
	}
	late, _ := ts.join(of(1))
	ts.leave(0)
	if err := ts.giveUp(late); err != nil || ts.taken != 1 || ts.held[1] != 1 {
		t.Errorf("%v, with %d turns taken", err, ts.taken)
	}
}

func TestWhoCameFirstIsFirst(t *testing.T) {
	t.Parallel()
	var l lines
	for _, partition := range []int32{3, 5, 3, 0} {
		l.add(of(partition))
	}
	passed := [events.Partitions]bool{3: true, 5: true}
	if first := l.first(&passed); first.number != 4 {
		t.Errorf("number %d is called past those who can't be", first.number)
	}
	for want := uint64(1); l.waiting > 0; want++ {
		first := l.first(&[events.Partitions]bool{})
		if first.number != want {
			t.Errorf("number %d is called, want %d", first.number, want)
		}
		l.remove(first)
	}
	if first := l.first(&[events.Partitions]bool{}); first != nil {
		t.Errorf("number %d is called of nobody", first.number)
	}
}

// Many at once, on all processors: every turn that was given comes back, there are never more than there are, and a partition never holds
// more than its share.
func TestTurnsAreCountedRightUnderACrowd(t *testing.T) {
	t.Parallel()
	const turns = 3 * shareOf
	ts := newTurnstile(turns, 10_000, endless)
	var taken atomic.Int64
	var held [events.Partitions]atomic.Int64
	var crowd sync.WaitGroup
	for i := range 6000 {
		partition := int32(i % events.Partitions)
		crowd.Go(func() {
			if err := ts.enter(of(partition)); err != nil {
				t.Error(err)
				return
			}
			if all, n := taken.Add(1), held[partition].Add(1); all > turns || n > ts.share {
				t.Errorf("%d turns are taken, %d of them by partition %d", all, n, partition)
			}
			runtime.Gosched()
			held[partition].Add(-1)
			taken.Add(-1)
			ts.leave(partition)
		})
	}
	crowd.Wait()
	wantIdle(t, ts)
}
