package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/runner"
	"leadlog/projectors/view"
)

// State of a view as a whole: that of its worst partition.
type State string

// The states, the worst first.
const (
	Unreachable State = "unreachable" // the store does not say
	Stopped     State = "stopped"     // partitions stopped with an alarm: a person must look
	Paused      State = "paused"      // held: a pause, or a rewind that nobody has finished yet
	NoPosition  State = "no position" // nobody has ever begun to fill it
	Behind      State = "behind"      // events wait that should have been applied by now
	OK          State = "ok"
)

// behindAfter is how old an event that is not applied may be before its view counts as behind. A view that is well has
// applied it within a second.
const behindAfter = 5 * time.Second

// maxCounted bounds how many dead letters a status reads.
const maxCounted = 10_000

// Status is how a system is, at one glance.
type Status struct {
	// Topics are the findings about each topic of the contract.
	Topics []broker.Report
	// KafkaErr says why the log could not be asked. Lags are Unknown then.
	KafkaErr error
	Views    []ViewStatus
}

// Healthy says whether nobody has to look.
func (s Status) Healthy() bool {
	if s.KafkaErr != nil || ContractErr(s.Topics) != nil {
		return false
	}
	for _, v := range s.Views {
		if !v.Healthy() {
			return false
		}
	}
	return true
}

// ViewStatus is how one view is.
type ViewStatus struct {
	View       string
	State      State
	Needs      string        // the variables that lead to its store
	Err        error         // why it is Unreachable
	Lag        int64         // in all partitions; Unknown when the log or the store can't be asked
	TimeLag    time.Duration // age of the oldest event that is not applied; Unknown as Lag is
	Generation [2]int64      // the lowest and the highest of its partitions; Unknown without positions
	Members    int           // processes in its group; Unknown when the log can't be asked
	Parked     int64         // open dead letters; Unknown when the log can't be asked
	Held       []view.Position
	Stopped    map[int32]view.Stopped
	Notices    map[int32]view.Stopped // what was refused, by partition; it stops nothing
	Others     []view.Version         // that nobody reads: replaced ones, and one that is being built
	Next       string                 // what helps
}

// Healthy says whether nobody has to look at this view. One that is behind is well as long as somebody works on it; one
// that has refused what somebody asked for is well, but somebody believes that it has done it.
func (v ViewStatus) Healthy() bool {
	switch v.State {
	case OK, Behind, NoPosition:
		return v.Members != 0 && len(v.Notices) == 0
	case Unreachable, Stopped, Paused:
	}
	return false
}

// Status asks everything that is given, all at once, and each part for a few seconds at most. What does not answer is part
// of the status, and never an error.
func (s *System) Status(ctx context.Context) Status {
	var status Status
	var group errgroup.Group
	var views []progress
	var log logFacts
	var unfinished map[string]pgstore.Entry
	group.Go(func() error {
		views = s.progresses(ctx)
		for i := range views {
			views[i].others = s.others(ctx, views[i])
		}
		return nil
	})
	group.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		unfinished = s.unfinished(ctx)
		return nil
	})
	group.Go(func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %s", askTimeout))
		defer cancel()
		log, status.KafkaErr = s.logFacts(ctx)
		return nil
	})
	_ = group.Wait() // what is away is part of the status
	status.Topics = log.contract
	status.Views = make([]ViewStatus, len(views))
	for i, p := range views {
		group.Go(func() error {
			status.Views[i] = s.viewStatus(ctx, p, log, unfinished)
			return nil
		})
	}
	_ = group.Wait()
	return status
}

// logFacts is what a status needs of Kafka. What could not be asked is nil.
type logFacts struct {
	contract []broker.Report
	topic    spans
	members  map[string]int
	parked   map[string]int64
}

func (s *System) logFacts(ctx context.Context) (facts logFacts, err error) {
	if facts.contract, err = s.CheckTopics(ctx); err != nil {
		return facts, err
	}
	if slices.ContainsFunc(facts.contract, isMissing) {
		return facts, nil // the contract says so; there is nothing to count
	}
	if facts.topic, err = s.bounds(ctx, events.Topic); err != nil {
		return facts, err
	}
	if facts.members, err = s.members(ctx); err != nil {
		return facts, err
	}
	facts.parked, err = s.parked(ctx)
	return facts, err
}

// members counts the processes in each projection's group.
func (s *System) members(ctx context.Context) (map[string]int, error) {
	members := make(map[string]int)
	for _, e := range s.Entries() {
		described, err := s.admin.DescribeGroups(ctx, runner.Group(e.Name))
		if err != nil {
			return nil, s.kafkaError(ctx, "members of group "+runner.Group(e.Name), err)
		}
		members[e.Name] = len(described[runner.Group(e.Name)].Members)
	}
	return members, nil
}

// parked counts the open dead letters of each projection, among the last maxCounted that were written.
func (s *System) parked(ctx context.Context) (map[string]int64, error) {
	last, err := s.bounds(ctx, events.DeadLetterTopic)
	if err != nil {
		return nil, err
	}
	for p, all := range last {
		last[p] = span{max(all.from, all.to-maxCounted), all.to}
	}
	letters, err := s.lettersIn(ctx, last, "")
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int64)
	for _, l := range letters {
		counts[l.Projection]++
	}
	return counts, nil
}
