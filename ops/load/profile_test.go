package load

import (
	"testing"
	"time"
)

// dues lists when each request of a profile is due.
func dues(p Profile) (all []time.Duration) {
	for n := int64(0); ; n++ {
		at, _, ok := p.due(n)
		if !ok {
			return all
		}
		all = append(all, at)
	}
}

func TestAConstantRateIsEven(t *testing.T) {
	all := dues(Constant("steady", 100, 2*time.Second))
	if len(all) != 200 {
		t.Fatalf("%d requests", len(all))
	}
	for n, at := range all {
		if want := time.Duration(n) * 10 * time.Millisecond; (at - want).Abs() > time.Microsecond {
			t.Fatalf("request %d is due at %v, not %v", n, at, want)
		}
	}
}

func TestABurstHasMoreForAWhile(t *testing.T) {
	p := Burst(100, 5, 2*time.Second, time.Second)
	var each [3]int
	for n := int64(0); ; n++ {
		_, stage, ok := p.due(n)
		if !ok {
			break
		}
		each[stage]++
	}
	if each != [3]int{200, 500, 200} {
		t.Errorf("%v requests before, in and after the burst", each)
	}
}

func TestARampEndsAtItsRate(t *testing.T) {
	all := dues(Ramp("ramp", 0, 200, 10*time.Second))
	if len(all) != 1000 {
		t.Fatalf("%d requests", len(all))
	}
	inSecond := make([]int, 10)
	for n, at := range all {
		if n > 0 && at < all[n-1] {
			t.Fatalf("request %d is due before the one before it", n)
		}
		inSecond[int(at.Seconds())]++
	}
	if first, last := inSecond[0], inSecond[9]; first != 10 || last < 189 || last > 191 {
		t.Errorf("%d in the first second, %d in the last", first, last)
	}
}

func TestAProfileThatMeansNothingIsRefused(t *testing.T) {
	for _, p := range []Profile{nil, Constant("none", 0, time.Second), Constant("never", 1, 0), Ramp("less", 10, -1, time.Second)} {
		if p.Validate() == nil {
			t.Errorf("%v is taken", p)
		}
	}
}
