package submit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// oneTurn is an endpoint with a single turn, and room for two to wait. Its appends last until they are let go.
func oneTurn(t *testing.T, change ...func(*Config)) (e endpoint, letGo chan struct{}) {
	t.Helper()
	e = newEndpoint(t, change...)
	e.turnstile = newTurnstile(1, 2)
	letGo = make(chan struct{})
	e.world.appending = func() { <-letGo }
	return e, letGo
}

// later sends a submission; what it is answered comes when it is answered.
func (e endpoint) later(phone string) chan int {
	status := make(chan int, 1)
	go func() { status <- e.now(phone).Code }()
	synctest.Wait()
	return status
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
		if want := []string{"admit", "append"}; !slices.Equal(e.world.diary, want) || e.turnstile.waiting.Load() != 2 {
			t.Errorf("%v was done while the turn is taken, and %d wait", e.world.diary, e.turnstile.waiting.Load())
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
		if taken, waiting := e.turnstile.taken.Load(), e.turnstile.waiting.Load(); taken != 0 || waiting != 0 {
			t.Errorf("%d turns are taken in the end, %d wait", taken, waiting)
		}
	})
}

// Partitions whose brokers are gone stand in nobody's way.
func TestAPartitionHoldsNoMoreThanItsShareOfTheTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneTurn(t)
		e.turnstile = newTurnstile(2*shareOf, 2)
		first, second := e.later("09121111111"), e.later("09121111111")
		e.refusedAtOnce(t, "09121111111", "overloaded")
		other := e.later("09122222222")
		if got := len(e.world.appended); got != 3 {
			t.Errorf("%d were appended: another partition has a share of its own", got)
		}
		close(letGo)
		wantAccepted(t, first, second, other)
		wantAccepted(t, e.later("09121111111"))
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
		if took := time.Since(began); took != turnWithin {
			t.Errorf("it took %v", took)
		}
		close(letGo)
		wantAccepted(t, first)
		if len(e.world.appended) != 1 {
			t.Errorf("%d were appended", len(e.world.appended))
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
