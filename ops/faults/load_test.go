//go:build faults

package faults

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"leadlog/events"
)

// load is a client that posts phones at a rate, whether it is answered or not, and files every answer.
type load struct {
	*receipts

	urls      func() []string // of the edges, as they are now
	perSecond int
	hot       string // the phone that most requests have, if there is one
	client    *http.Client
	began     time.Time
	stopped   time.Time

	mu     sync.Mutex
	random *rand.Rand
	phones []string
	sent   int

	stop context.CancelFunc
	done chan struct{}
}

// requestTimeout is how long the client waits for an answer. The edge answers within 2.5 s.
const requestTimeout = 10 * time.Second

// atOnce bounds what one client has open.
const atOnce = 2000

func newLoad(file string, perSecond int, random *rand.Rand, urls func() []string) (*load, error) {
	written, err := newReceipts(file)
	if err != nil {
		return nil, err
	}
	return &load{
		receipts: written, urls: urls, perSecond: perSecond, random: random, done: make(chan struct{}),
		client: &http.Client{Timeout: requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}},
	}, nil
}

// keepTo bounds how many connections there are to one edge. Requests wait for them.
func (l *load) keepTo(n int) {
	l.client.Transport = &http.Transport{MaxConnsPerHost: n, MaxIdleConnsPerHost: n}
}

// start begins to post.
func (l *load) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.began = cancel, time.Now()
	go func() {
		defer close(l.done)
		l.run(ctx)
	}()
}

// run lets a request go whenever one is due, and waits for the last answers.
func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	inside := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	defer all.Wait()
	for due := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for ; float64(due) < time.Since(l.began).Seconds()*float64(l.perSecond); due++ {
			select {
			case inside <- struct{}{}:
				all.Go(func() {
					l.post()
					<-inside
				})
			default: // this client has no room: what is not offered proves nothing
			}
		}
	}
}

// end stops posting and waits until every answer is on the disk.
func (l *load) end() error {
	l.stop()
	<-l.done
	l.stopped = time.Now()
	l.client.CloseIdleConnections()
	return l.receipts.close()
}

// next draws a phone and a key: one in ten phones has been posted before.
func (l *load) next() (phone, key string, edge int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	edge = l.sent
	key = fmt.Sprintf("%016x%016x", l.random.Uint64(), l.random.Uint64())
	switch {
	case l.hot != "" && l.random.IntN(10) > 0:
		return l.hot, key, edge
	case len(l.phones) > 0 && l.random.IntN(10) == 0:
		return l.phones[l.random.IntN(len(l.phones))], key, edge
	}
	phone = fmt.Sprintf("+989%09d", l.random.IntN(1_000_000_000))
	l.phones = append(l.phones, phone)
	return phone, key, edge
}

// post sends one phone to one of the edges, in turn.
func (l *load) post() {
	phone, key, edge := l.next()
	urls := l.urls()
	l.send(phone, key, edge%len(urls), urls[edge%len(urls)])
}

// send posts a phone, and files what became of it.
func (l *load) send(phone, key string, edge int, url string) {
	r := receipt{ID: receiptOf(key, phone), Began: time.Now(), Edge: edge, Phone: phone, partition: events.PartitionOf(phone)}
	var answer struct{ ID, Error string }
	resp, err := l.client.Do(request(url, phone, key))
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			r.Status = resp.StatusCode
			_ = json.Unmarshal(body, &answer) // what is not JSON has no id: classified below
		}
	}
	r.Took = time.Since(r.Began)
	r.Code = answer.Error
	r.Outcome = conclude(r.Status, answer.Error, err)
	if err != nil {
		r.Error = err.Error()
	}
	if answer.ID != "" && answer.ID != r.ID {
		r.Answered = answer.ID
	}
	l.in <- r
}

// request makes a post that net/http sends once: for a header of the name Idempotency-Key it would send it again by itself after
// a connection broke, and the file would not say so. Lower case is the same header to the edge.
func request(url, phone, key string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, url+"/api/submit", strings.NewReader(`{"phone":"`+phone+`"}`))
	if err != nil {
		panic(err) // a URL of ours
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header["idempotency-key"] = []string{key}
	return req
}

// conclude says what a client knows. Only an answer that is a refusal, or a connection that was never made, is definite.
func conclude(status int, code string, err error) outcome {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return refused
	case status == http.StatusAccepted, status == http.StatusOK:
		return acknowledged
	case status == http.StatusServiceUnavailable && slices.Contains([]string{"overloaded", "not_ready", "refused"}, code),
		status >= 400 && status < 500:
		return refused
	}
	return unknown
}

// receiptOf derives the receipt of an Idempotency-Key as the contract says: a UUIDv8 of SHA-256(key, 0, phone).
func receiptOf(key, phone string) string {
	sum := sha256.Sum256([]byte(key + "\x00" + phone))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// longestGap is the longest time without an acknowledgement of these partitions (none: of any), from one time to another.
func (l *load) longestGap(from, to time.Time, partitions ...int32) (gap time.Duration) {
	var acks []time.Time
	for _, r := range l.since(l.began) {
		at := r.Began.Add(r.Took)
		if r.Outcome == acknowledged && at.After(from) && at.Before(to) && (len(partitions) == 0 || slices.Contains(partitions, r.partition)) {
			acks = append(acks, at)
		}
	}
	slices.SortFunc(acks, time.Time.Compare)
	last := from
	for _, at := range append(acks, to) {
		gap = max(gap, at.Sub(last))
		last = at
	}
	return gap
}

// slowest returns the longest time that an answer took, and the 99th percentile.
func slowest(some []receipt) (longest, p99 time.Duration) {
	var took []time.Duration
	for _, r := range some {
		took = append(took, r.Took)
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)-1], took[len(took)*99/100]
}
