package runner

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"leadlog/events/broker"
	"leadlog/ops/telemetry"
	"leadlog/projectors/view"
)

const (
	// watchEvery is how often the stored positions are read again, so that a rewind or a pause of a partition without
	// traffic is seen within a second, and not at the next event.
	watchEvery = 500 * time.Millisecond
	// heldEvery is how often a partition that is held is claimed again, to see whether it still is.
	heldEvery = time.Second
	// watchWithin bounds one look: a store that does not answer is told in health.
	watchWithin = 2 * time.Second
	// mirrorEvery keeps lag tools at most a second behind.
	mirrorEvery = 500 * time.Millisecond
	// keepEvery is the rhythm of a view's upkeep.
	keepEvery = time.Minute
	// contractEvery is how often a topic that can't be used is looked at again.
	contractEvery = 2 * time.Second
	// leaveWithin bounds the farewell: mirror, and leave the group.
	leaveWithin = 4 * time.Second
)

// Runner carries the topic into one view. Make one with New, and call Run once.
type Runner struct {
	cfg     Config
	log     *slog.Logger
	metrics *Metrics
	board   *board
	reader  *reader
	letters *letters
	mirror  *mirror
	slots   *semaphore.Weighted
	pace    *pace
}

// New checks the configuration. It does not connect.
func New(cfg Config) (*Runner, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	log := cfg.Log.With("projection", cfg.View.Name())
	r := &Runner{
		cfg: cfg, log: log, metrics: cfg.Metrics, slots: semaphore.NewWeighted(int64(cfg.BigBatches)), pace: &pace{},
		board: &board{view: cfg.View, health: cfg.Health, metrics: cfg.Metrics, log: log, waiting: make(map[int32]bool)},
	}
	if r.letters, err = newLetters(cfg); err != nil {
		return nil, err
	}
	if r.reader, err = newReader(cfg); err != nil {
		r.letters.client.Close()
		return nil, err
	}
	r.unready("not in the group yet")
	return r, nil
}

// Run works until ctx ends, then mirrors what was applied and leaves the group. It returns no error for anything that may
// pass: stores and brokers that are away are waited for.
func (r *Runner) Run(ctx context.Context) error {
	defer r.letters.client.Close()
	topicID, err := r.awaitContract(ctx)
	if err != nil {
		r.reader.client.Close()
		return nil // ctx ended before there was anything to do
	}
	// The reader must outlive the workers, which end when the group is left.
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	group := errgroup.Group{}
	group.Go(func() error { return r.reader.run(reading) })
	members, err := r.join(context.WithoutCancel(ctx), topicID)
	if err != nil {
		stopReading()
		_ = group.Wait()
		return err
	}
	r.mirror = members.mirror
	members.start()
	group.Go(func() error {
		defer stopReading()
		r.attend(ctx, members)
		members.leave(leaveWithin)
		return nil
	})
	return group.Wait()
}

// awaitContract waits for a topic that keeps the contract, and returns its id. It fails only with ctx.
func (r *Runner) awaitContract(ctx context.Context) (uuid.UUID, error) {
	spec := broker.Submissions()
	spec.Topic = r.cfg.Topic
	for {
		report, err := broker.Check(ctx, r.reader.client, spec, r.cfg.Broker.Dev)
		if err == nil {
			err = report.Err()
		}
		if err == nil {
			return report.TopicID, nil
		}
		if ctx.Err() != nil {
			return uuid.Nil, context.Cause(ctx)
		}
		r.unready(fmt.Sprintf("waiting for topic %s on KAFKA_BROKERS: %v", r.cfg.Topic, err))
		sleep(ctx, contractEvery)
	}
}

// attend looks after the workers until ctx ends: the watch, the mirror, the upkeep.
func (r *Runner) attend(ctx context.Context, members *membership) {
	watch, mirror, keep := time.NewTicker(watchEvery), time.NewTicker(mirrorEvery), time.NewTicker(keepEvery)
	defer watch.Stop()
	defer mirror.Stop()
	defer keep.Stop()
	upkeep := errgroup.Group{}
	upkeep.SetLimit(1)
	defer upkeep.Wait() //nolint:errcheck // it returns none
	r.keepOnce(ctx, &upkeep, members)
	for {
		select {
		case <-ctx.Done():
			return
		case <-watch.C:
			r.watch(ctx, members)
		case <-keep.C:
			r.keepOnce(ctx, &upkeep, members)
		case <-mirror.C:
			r.mirrorOnce(ctx, members)
		}
	}
}

// positionsPart is the part of health that says when the store does not even answer the watch.
func positionsPart(r *Runner) string { return r.cfg.View.Name() + "/positions" }

// watch reads all stored positions, and wakes each worker whose position is not what it was before they were read.
func (r *Runner) watch(ctx context.Context, members *membership) {
	if members.joined() {
		if r.cfg.Health.Set(r.cfg.View.Name(), telemetry.Healthy, "") {
			r.log.Info("in the group", "group", Group(r.cfg.View.Name()))
		}
	} else {
		r.unready("not in the group: " + members.why())
	}
	ctx, cancel := context.WithTimeout(ctx, watchWithin)
	defer cancel()
	workers := members.current()
	before := make([]watched, len(workers))
	for i, w := range workers {
		before[i] = w.snapshot()
	}
	positions, err := r.cfg.View.Positions(ctx, r.cfg.Topic)
	if err != nil {
		r.cfg.Health.Set(positionsPart(r), telemetry.Degraded, "positions can't be read: "+err.Error())
		return
	}
	r.cfg.Health.Forget(positionsPart(r))
	stored := make(map[int32]view.Position, len(positions))
	for _, p := range positions {
		stored[p.Partition] = p
	}
	for i, w := range workers {
		if now, there := stored[w.stream.Partition]; before[i].movedBy(now, there) {
			w.wake(before[i])
		}
	}
}

func (r *Runner) mirrorOnce(ctx context.Context, members *membership) {
	if members.client == nil || !members.joined() { // without a group there is nothing to mirror to
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.mirror.flush(ctx); err != nil {
		r.log.Debug("positions not mirrored, trying again", "error", err)
	}
}

func (r *Runner) keepOnce(ctx context.Context, upkeep *errgroup.Group, members *membership) {
	var live []int32
	for _, w := range members.current() {
		if w.caughtUp() {
			live = append(live, w.stream.Partition)
		}
	}
	upkeep.TryGo(func() error { // still busy with the last one: the next minute will do
		ctx, cancel := context.WithTimeout(ctx, keepEvery)
		defer cancel()
		if err := r.cfg.View.Keep(ctx, live); err != nil && ctx.Err() == nil {
			r.log.Warn("upkeep failed, trying again in a minute", "error", err)
		}
		return nil
	})
}

// unready says why nothing can be applied, in health, and in the log when that is new.
func (r *Runner) unready(why string) {
	name := r.cfg.View.Name()
	_, parts := r.cfg.Health.Snapshot()
	if parts[name].Detail == why && parts[name].Status == telemetry.NotReady {
		return
	}
	r.cfg.Health.Set(name, telemetry.NotReady, why)
	r.log.Warn("not ready", "why", why)
}
