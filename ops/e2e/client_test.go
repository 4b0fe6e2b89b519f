package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// client posts phones and remembers, by receipt, what it was told.
type client struct {
	url string

	mu           sync.Mutex
	phones       []string
	acknowledged map[string]bool // 202 or 200
	unknown      map[string]bool // 503 outcome_unknown: the receipt is known, the outcome is not
	hung         int             // no answer at all
	refused      int
}

func newClient(url string) *client {
	return &client{url: url, acknowledged: make(map[string]bool), unknown: make(map[string]bool)}
}

// run posts at about a rate until ctx ends; one in ten phones has been posted before.
func (c *client) run(ctx context.Context, perSecond int) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var posts sync.WaitGroup
	defer posts.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			posts.Go(func() { c.post(c.phone()) })
		}
	}
}

func (c *client) phone() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.phones) > 0 && rand.IntN(10) == 0 {
		return c.phones[rand.IntN(len(c.phones))]
	}
	phone := fmt.Sprintf("+98912%07d", rand.IntN(10_000_000))
	c.phones = append(c.phones, phone)
	return phone
}

// post sends one phone and files the answer. The status is 0 when there was none.
func (c *client) post(phone string) (status int, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/submit", strings.NewReader(`{"phone":"`+phone+`"}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	var answer struct{ ID, Error string }
	if err == nil {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		_ = json.Unmarshal(body, &answer) // an answer without an id is counted below
		status = resp.StatusCode
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case status == http.StatusAccepted || status == http.StatusOK:
		c.acknowledged[answer.ID] = true
	case status == http.StatusServiceUnavailable && answer.Error == "outcome_unknown":
		c.unknown[answer.ID] = true
	case status == 0:
		c.hung++
	default:
		c.refused++
	}
	return status, answer.ID
}
