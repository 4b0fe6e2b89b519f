package submit

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// oneAtATime is an endpoint with a single turn, and appends that last until they are let go.
func oneAtATime(t *testing.T) (e endpoint, letGo func()) {
	t.Helper()
	e = newEndpoint(t)
	e.turnstile = newTurnstile(1)
	hold := make(chan struct{})
	e.world.appending = func() { <-hold }
	return e, func() { hold <- struct{}{} }
}

// later sends a submission, and returns what it is answered.
func (e endpoint) later(phone string) chan int {
	status := make(chan int, 1)
	go func() { status <- e.send(post(asJSON, `{"phone":"`+phone+`"}`)).Code }()
	return status
}

func TestWhoIsTooManyWaitsForATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneAtATime(t)
		first := e.later("09121111111")
		synctest.Wait()
		second := e.later("09122222222")
		synctest.Wait()
		third := e.later("09123333333")
		synctest.Wait()
		if want := []string{"admit", "append"}; !slices.Equal(e.world.diary, want) || e.turnstile.waiting.Load() != 2 {
			t.Errorf("%v was done while the turn is taken, and %d wait", e.world.diary, e.turnstile.waiting.Load())
		}
		for _, status := range []chan int{first, second, third} {
			letGo()
			if got := <-status; got != http.StatusAccepted {
				t.Errorf("status %d", got)
			}
			synctest.Wait()
		}
		for i, phone := range []string{"09121111111", "09122222222", "09123333333"} {
			if got := decode(t, e.world.appended[i]).Phone; got != phone {
				t.Errorf("%s had turn %d", got, i)
			}
		}
	})
}

func TestWhoWaitsTooLongIsRefusedAndNothingIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneAtATime(t)
		first := e.later("09121111111")
		synctest.Wait()
		began := time.Now()
		refused := e.send(post(asJSON, `{"phone":"09122222222"}`))
		if refused.Code != http.StatusServiceUnavailable || refused.Header().Get("Retry-After") != "1" || time.Since(began) != turnWithin {
			t.Errorf("%d %v after %v: %s", refused.Code, refused.Header(), time.Since(began), refused.Body)
		}
		letGo()
		if got := <-first; got != http.StatusAccepted || len(e.world.appended) != 1 {
			t.Errorf("status %d, %d appended", got, len(e.world.appended))
		}
		last := e.later("09123333333") // whose turn did not come has not taken one along
		letGo()
		if got := <-last; got != http.StatusAccepted {
			t.Errorf("status %d", got)
		}
	})
}

func TestWhoSendsSlowlyTakesNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, letGo := oneAtATime(t)
		slow := post(asJSON, "")
		body, rest := io.Pipe()
		slow.Body, slow.ContentLength = body, -1
		late := make(chan int, 1)
		go func() { late <- e.send(slow).Code }()
		synctest.Wait()
		other := e.later("09121111111")
		letGo()
		if got := <-other; got != http.StatusAccepted {
			t.Errorf("status %d behind somebody who sends slowly", got)
		}
		_, _ = io.WriteString(rest, `{"phone":"09122222222"}`)
		_ = rest.Close()
		letGo()
		if got := <-late; got != http.StatusAccepted {
			t.Errorf("status %d for the slow one", got)
		}
	})
}
