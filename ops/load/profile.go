package load

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Stage is a stretch of time over which the rate goes evenly from From to To requests a second.
type Stage struct {
	Name     string
	From, To float64
	For      time.Duration
}

// Profile says when each request is due. Stages follow each other.
type Profile []Stage

// Constant is one rate for a time.
func Constant(name string, rate float64, d time.Duration) Profile {
	return Profile{{Name: name, From: rate, To: rate, For: d}}
}

// Ramp goes evenly from one rate to another.
func Ramp(name string, from, to float64, d time.Duration) Profile {
	return Profile{{Name: name, From: from, To: to, For: d}}
}

// Burst is what a spot on television does: the rate is some times higher at once, and after a while it is as before.
func Burst(rate, times float64, around, during time.Duration) Profile {
	return Profile{
		{Name: "before", From: rate, To: rate, For: around},
		{Name: "burst", From: times * rate, To: times * rate, For: during},
		{Name: "after", From: rate, To: rate, For: around},
	}
}

// Validate reports what can't be meant.
func (p Profile) Validate() error {
	if len(p) == 0 {
		return errors.New("a load profile needs a stage")
	}
	for _, s := range p {
		if s.From < 0 || s.To < 0 || s.From+s.To == 0 || s.For <= 0 {
			return fmt.Errorf("stage %q: from %g to %g a second for %v", s.Name, s.From, s.To, s.For)
		}
	}
	return nil
}

// Length is how long the whole profile takes.
func (p Profile) Length() time.Duration {
	var sum time.Duration
	for _, s := range p {
		sum += s.For
	}
	return sum
}

// due is when the n-th request is due, counted from 0 and from the start, and in which stage. It is false past the end.
func (p Profile) due(n int64) (at time.Duration, stage int, ok bool) {
	left := float64(n)
	for i, s := range p {
		if in := s.requests(); left >= in {
			left -= in
			at += s.For
			continue
		}
		return at + s.when(left), i, true
	}
	return at, len(p) - 1, false
}

// requests is how many of them a stage has. Stages share one that falls across their border.
func (s Stage) requests() float64 { return (s.From + s.To) / 2 * s.For.Seconds() }

// when is the time at which k requests have come: From t + slope t²/2 = k, solved for t.
func (s Stage) when(k float64) time.Duration {
	seconds := k / s.From
	if slope := (s.To - s.From) / s.For.Seconds(); slope != 0 {
		seconds = (math.Sqrt(s.From*s.From+2*slope*k) - s.From) / slope
	}
	return time.Duration(seconds * float64(time.Second))
}
