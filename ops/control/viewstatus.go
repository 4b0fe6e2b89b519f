package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// viewStatus judges one view by what its store and the log say.
func (s *System) viewStatus(ctx context.Context, p progress, log logFacts, unfinished map[string]pgstore.Entry) ViewStatus {
	v := ViewStatus{
		View: p.entry.Name, Needs: p.entry.Needs, Err: p.err,
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
	v.sort(p.alarms)
	v.Others = p.others
	v.State = v.judge(p)
	if v.Next = v.next(unfinished[v.View]); v.Next == "" {
		v.Next = v.leftover(p.positions)
	}
	return v
}

// sort tells alarms of partitions that are stopped from notices.
func (v *ViewStatus) sort(alarms map[int32]view.Stopped) {
	v.Stopped, v.Notices = make(map[int32]view.Stopped), make(map[int32]view.Stopped)
	for partition, alarm := range alarms {
		if alarm.Stops() {
			v.Stopped[partition] = alarm
		} else {
			v.Notices[partition] = alarm
		}
	}
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

// next says what helps, by commands where there is one. unfinished is a change of the view that was begun and not ended.
func (v *ViewStatus) next(unfinished pgstore.Entry) string {
	switch v.State {
	case Unreachable:
		return "is the store up, and is " + v.Needs + " right? A new store needs `ops init`"
	case Stopped:
		return v.whyStopped()
	case Paused:
		return v.whyHeld()
	case OK, Behind, NoPosition:
	}
	switch {
	case len(v.Notices) > 0:
		return "see WHY below; to take the alarm back: ops resume " + v.View
	case unfinished.Plan != nil:
		return fmt.Sprintf("it is under way, or was interrupted; this finishes it: ops %s --execute --plan %s --reason TEXT", unfinished.Verb, unfinished.Plan)
	case v.Members == 0:
		return "nobody fills it: start `projectors " + v.View + "`"
	case v.Parked > 0:
		return fmt.Sprintf("ops dlq list --projection %s; a letter goes once its record is applied, and of what never will be: ops dlq close N", v.View)
	case v.State == Behind:
		return "it is being worked on: `ops lag` shows how fast"
	}
	return ""
}

// leftover names a version that takes room, and what becomes of it.
func (v *ViewStatus) leftover(positions map[int32]view.Position) string {
	if len(v.Others) == 0 || len(positions) == 0 {
		return ""
	}
	active, other := 0, v.Others[0]
	for _, at := range positions {
		active = max(active, at.Version)
	}
	drop := "ops drop " + v.View
	if len(v.Others) > 1 {
		drop = fmt.Sprintf("%s --version %d", drop, other.Number)
	}
	if other.Number > active {
		return fmt.Sprintf("version %d is built, or in part (%s): ops rebuild %s goes on with it, and this removes it: %s", other.Number, other.Where, v.View, drop)
	}
	room := other.Where
	if other.Bytes >= 0 {
		room = fmt.Sprintf("%s, %d MB", room, other.Bytes>>20)
	}
	return fmt.Sprintf("version %d is still there (%s): %s", other.Number, room, drop)
}

// whyStopped returns the command that the worker left with its alarm: that of the first partition.
func (v *ViewStatus) whyStopped() string {
	for _, partition := range slices.Sorted(maps.Keys(v.Stopped)) {
		if _, command := view.Advice(v.Stopped[partition].Reason); command != "" {
			return command
		}
	}
	return "see WHY below; the partition goes on when its cause is gone and the projectors are started again"
}

func (v *ViewStatus) whyHeld() string {
	paused := make([]string, 0, len(v.Held))
	for _, at := range v.Held {
		switch {
		case at.Target == view.SwapTarget:
			return fmt.Sprintf("ops rebuild --execute --plan %s --reason TEXT", at.Cause)
		case at.Target >= 0:
			if _, err := uuid.Parse(at.Cause); err == nil {
				return fmt.Sprintf("the projectors finish it, and so does: ops rewind --execute --plan %s --reason TEXT", at.Cause)
			}
			return "a rewind is under way: the projectors finish it"
		}
		paused = append(paused, fmt.Sprint(at.Partition))
	}
	if len(paused) == events.Partitions {
		return "ops resume " + v.View
	}
	return fmt.Sprintf("ops resume %s --topic %s:%s", v.View, events.Topic, strings.Join(paused, ","))
}

// unfinished returns the last change of each view that was begun and not ended. Without a ledger there is none.
func (s *System) unfinished(ctx context.Context) map[string]pgstore.Entry {
	found := make(map[string]pgstore.Entry)
	entries, err := s.Ledger(ctx, recentChanges)
	if err != nil {
		return found // that PostgreSQL does not answer, the views in it tell
	}
	for _, e := range entries {
		if _, newer := found[e.View]; e.Outcome == pgstore.Begun && e.Plan != nil && !newer {
			found[e.View] = e
		}
	}
	return found
}

// recentChanges is how many changes are looked through for one that was interrupted.
const recentChanges = 100
