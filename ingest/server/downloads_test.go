package server

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"leadlog/ingest/gate"
)

func TestOneClientIsSentNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	proxies, err := gate.ParseProxies("10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{}, 10)
	handler := downloads(gate.NewShares(2), proxies, func(http.ResponseWriter, *http.Request) {
		held <- struct{}{}
		<-hold
	})
	ask := func(peer, forwarded string) int {
		r := httptest.NewRequest(http.MethodGet, "/media/a.webp", nil)
		r.RemoteAddr = peer
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		handler(w, r)
		return w.Code
	}
	var wg sync.WaitGroup
	for _, from := range [][2]string{
		{"[2001:db8::1]:5", ""}, {"[2001:db8::2]:5", ""}, // one /64
		{"198.51.100.1:5", ""},
		{"10.0.0.1:5", "203.0.113.1"}, {"10.0.0.1:5", "203.0.113.1"}, {"10.0.0.1:5", "203.0.113.2"},
		{"127.0.0.1:5", ""}, {"127.0.0.1:6", ""}, {"127.0.0.1:7", ""},
	} {
		wg.Go(func() { ask(from[0], from[1]) })
		<-held
	}
	for _, from := range [][2]string{{"[2001:db8::3]:5", ""}, {"10.0.0.1:5", "203.0.113.1"}} {
		if code := ask(from[0], from[1]); code != http.StatusTooManyRequests {
			t.Errorf("%v: %d, over its share", from, code)
		}
	}
	close(hold)
	wg.Wait()
	for _, from := range [][2]string{{"[2001:db8::3]:5", ""}, {"10.0.0.1:5", "203.0.113.1"}} {
		if code := ask(from[0], from[1]); code != http.StatusOK {
			t.Errorf("%v: %d, when its share is there again", from, code)
		}
	}
}
