//go:build faults

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// outcome is what a client may conclude from what it was told.
type outcome string

const (
	acknowledged outcome = "A" // 202, or 200 for a duplicate
	unknown      outcome = "U" // 503 outcome_unknown, or no answer to what was sent
	refused      outcome = "R" // certainly not in the log
)

// receipt is one line of the file: what became of one request.
type receipt struct {
	ID       string        `json:"id"`
	Outcome  outcome       `json:"outcome"`
	Status   int           `json:"status"` // 0: no answer
	Code     string        `json:"code,omitempty"`
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took_ns"`
	Edge     int           `json:"edge"`
	Phone    string        `json:"phone"`
	Error    string        `json:"error,omitempty"`
	Answered string        `json:"answered_id,omitempty"` // set when the edge answered with another id than the one that the key gives

	partition int32
}

// receipts is the file of them. What it holds is on the disk before it counts.
type receipts struct {
	file *os.File
	in   chan receipt
	done chan error

	mu  sync.Mutex
	all []receipt
}

func newReceipts(path string) (*receipts, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	r := &receipts{file: file, in: make(chan receipt, 1000), done: make(chan error, 1)}
	go func() { r.done <- r.write() }()
	return r, nil
}

// write takes what has come, and syncs it before it takes more.
func (r *receipts) write() error {
	out := bufio.NewWriter(r.file)
	for first := range r.in {
		batch := []receipt{first}
		for more := true; more && len(batch) < 1000; {
			select {
			case next, open := <-r.in:
				if more = open; open {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		for i := range batch {
			line, err := json.Marshal(batch[i])
			if err != nil {
				return err
			}
			_, _ = out.Write(append(line, '\n')) // Flush tells
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("receipts: %w", err)
		}
		if err := r.file.Sync(); err != nil {
			return fmt.Errorf("receipts: %w", err)
		}
		r.mu.Lock()
		r.all = append(r.all, batch...)
		r.mu.Unlock()
	}
	return r.file.Close()
}

// close writes what is left.
func (r *receipts) close() error {
	close(r.in)
	return <-r.done
}

// since returns the receipts of requests that began at or after a time.
func (r *receipts) since(t time.Time) (some []receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, each := range r.all {
		if !each.Began.Before(t) {
			some = append(some, each)
		}
	}
	return some
}

// count counts those with an outcome.
func count(some []receipt, of outcome) (n int) {
	for _, each := range some {
		if each.Outcome == of {
			n++
		}
	}
	return n
}

// unanswered counts requests that were sent and got no answer at all.
func unanswered(some []receipt) (n int) {
	for _, each := range some {
		if each.Outcome == unknown && each.Status == 0 {
			n++
		}
	}
	return n
}
