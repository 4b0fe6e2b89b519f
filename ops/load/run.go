package load

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says what to ask, and when.
type Config struct {
	// URL is the edge's public address, such as http://127.0.0.1:8080.
	URL     string
	Profile Profile
	// Connections are opened before the first request, and bound how many are in flight.
	Connections int
	// Pages is the share of requests that look at the page; the others submit a phone number.
	Pages float64
	// Timeout is how long an answer is waited for. 10 s when 0.
	Timeout time.Duration
	// Patience is how long a request that is due may wait for a free connection before it is unsent. 1 s when 0.
	Patience time.Duration
	// Seed makes the phone numbers.
	Seed uint64
}

// Pages is the share of page views in the load test of the system that leadlog replaces.
const Pages = 0.2

// Validate reports what can't be meant.
func (c Config) Validate() error {
	if c.Connections < 1 || c.Pages < 0 || c.Pages > 1 {
		return fmt.Errorf("load: %d connections, %g of the requests for pages", c.Connections, c.Pages)
	}
	return c.Profile.Validate()
}

// Report is what came of it.
type Report struct {
	Stages  []Summary
	Total   Summary
	Seconds []Second
}

// Run follows the profile, and waits for the last answer. It ends earlier when ctx does, and reports what was until then.
// each is told of every second, once it is over.
func Run(ctx context.Context, cfg Config, each func(Second)) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Second
	}
	target, err := url.Parse(cfg.URL)
	if err != nil || target.Host == "" {
		return Report{}, errors.Join(fmt.Errorf("load: %q is no address", cfg.URL), err)
	}
	visitors, err := arriveAll(ctx, target, cfg)
	if err != nil {
		return Report{}, err
	}
	r := &run{cfg: cfg, meter: newMeter(len(cfg.Profile)), started: time.Now()}
	seconds := r.watch(each)
	var all sync.WaitGroup
	for _, v := range visitors {
		all.Go(func() { r.serve(ctx, v) })
	}
	all.Wait()
	return r.report(seconds()), nil
}

// arriveAll opens every connection, not all at once: a listener's queue is finite.
func arriveAll(ctx context.Context, target *url.URL, cfg Config) ([]*visitor, error) {
	visitors := make([]*visitor, cfg.Connections)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(128)
	for i := range visitors {
		visitors[i] = newVisitor(target, cfg, i)
		group.Go(func() error { return visitors[i].arrive(ctx) })
	}
	if err := group.Wait(); err != nil {
		for _, v := range visitors {
			v.leave()
		}
		return nil, fmt.Errorf("load: open %d connections: %w", cfg.Connections, err)
	}
	return visitors, nil
}

// run is one run under way.
type run struct {
	cfg     Config
	meter   *meter
	started time.Time
	next    atomic.Int64
	ended   atomic.Int64 // for how long requests were due, when ctx ended before the profile
}

// serve takes one due request after the other. Whoever is free takes the next one, and waits until it is due.
func (r *run) serve(ctx context.Context, v *visitor) {
	defer v.leave()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		at, stage, ok := r.cfg.Profile.due(r.next.Add(1) - 1)
		if !ok {
			return
		}
		due := r.started.Add(at)
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
			r.ended.CompareAndSwap(0, int64(time.Since(r.started)))
			return
		}
		o := outcome{stage: stage, due: due, sent: time.Now()}
		if o.unsent = o.sent.Sub(due) > r.cfg.Patience; !o.unsent {
			// Not with ctx: who is on the way gets an answer.
			o.answer, o.err = v.visit(context.WithoutCancel(ctx))
		}
		r.meter.add(o)
	}
}

// watch notes every second until the returned function is called.
func (r *run) watch(each func(Second)) (stop func() []Second) {
	var seconds []Second
	end, done := make(chan struct{}), make(chan struct{})
	note := func() {
		s := r.meter.second(len(seconds))
		seconds = append(seconds, s)
		if each != nil {
			each(s)
		}
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				note()
			case <-end:
				note()
				return
			}
		}
	}()
	return func() []Second {
		close(end)
		<-done
		return seconds
	}
}

func (r *run) report(seconds []Second) Report {
	length := r.cfg.Profile.Length()
	if ended := time.Duration(r.ended.Load()); ended > 0 {
		length = ended
	}
	report, total, left := Report{Seconds: seconds}, newTally(3), length
	for i, stage := range r.cfg.Profile {
		took := min(stage.For, left)
		left -= took
		report.Stages = append(report.Stages, r.meter.stages[i].summary(stage.Name, took))
		total.merge(r.meter.stages[i])
	}
	report.Total = total.summary("all", length)
	return report
}
