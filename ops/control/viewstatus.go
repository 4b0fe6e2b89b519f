package control

import (
	"context"
	"time"

	"leadlog/projectors/view"
)

// viewStatus judges one view by what its store and the log say.
func (s *System) viewStatus(ctx context.Context, p progress, log logFacts) ViewStatus {
	v := ViewStatus{
		View: p.entry.Name, Needs: p.entry.Needs, Err: p.err, Stopped: p.alarms,
		Lag: Unknown, TimeLag: time.Duration(Unknown), Generation: [2]int64{Unknown, Unknown}, Members: int(Unknown), Parked: Unknown,
	}
	if log.members != nil {
		v.Members = log.members[v.View]
	}
	if log.parked != nil {
		v.Parked = log.parked[v.View]
	}
	if p.err == nil {
		v.count(p, log.topic)
		v.age(ctx, s, p, log.topic)
	}
	v.State = v.judge(p)
	v.Next = v.next()
	return v
}

// count adds up what the positions say.
func (v *ViewStatus) count(p progress, topic spans) {
	for _, at := range p.positions {
		if v.Generation[0] == Unknown {
			v.Generation = [2]int64{at.Generation, at.Generation}
		}
		v.Generation[0] = min(v.Generation[0], at.Generation)
		v.Generation[1] = max(v.Generation[1], at.Generation)
		if at.Hold {
			v.Held = append(v.Held, at)
		}
	}
	if topic == nil {
		return
	}
	v.Lag = 0
	for partition, whole := range topic {
		next := whole.from
		if at, ok := p.positions[partition]; ok {
			next = at.Next
		}
		v.Lag += max(whole.to-next, 0)
	}
}

// age finds the oldest event that is not applied.
func (v *ViewStatus) age(ctx context.Context, s *System, p progress, topic spans) {
	if topic == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	waits, err := s.waits(ctx, topic, p)
	if err != nil {
		return // Unknown
	}
	v.TimeLag = 0
	for partition := range waits {
		v.TimeLag = max(v.TimeLag, ageOf(waits, partition))
	}
}

func (v *ViewStatus) judge(p progress) State {
	switch {
	case p.err != nil:
		return Unreachable
	case len(v.Stopped) > 0:
		return Stopped
	case len(v.Held) > 0:
		return Paused
	case len(p.positions) == 0:
		return NoPosition
	case v.TimeLag > behindAfter, v.Lag > 0 && v.Members == 0:
		return Behind
	}
	return OK
}

// next says what helps, by commands where there is one.
func (v *ViewStatus) next() string {
	switch v.State {
	case Unreachable:
		return "is the store up, and is " + v.Needs + " right? A new store needs `ops init`"
	case Stopped:
		return "see WHY below; the partition goes on when its cause is gone and the projectors are started again"
	case Paused:
		return v.whyHeld()
	case OK, Behind, NoPosition:
	}
	switch {
	case v.Members == 0:
		return "nobody fills it: start `projectors " + v.View + "`"
	case v.Parked > 0:
		return "ops dlq list --projection " + v.View
	case v.State == Behind:
		return "it is being worked on: `ops lag` shows how fast"
	}
	return ""
}

func (v *ViewStatus) whyHeld() string {
	for _, at := range v.Held {
		if at.Target != view.NoTarget {
			return "a rewind is under way: the projectors finish it"
		}
	}
	return "nothing is applied until the hold on its position is taken back"
}
