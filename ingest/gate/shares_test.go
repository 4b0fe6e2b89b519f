package gate

import (
	"net/netip"
	"testing"
)

func TestOneClientTakesNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	s := NewShares(2)
	addr := netip.MustParseAddr
	for _, client := range []string{
		"2001:db8::1", "2001:db8::2", // one /64
		"198.51.100.1",
		"127.0.0.1", "127.0.0.1", "::1", "::1", "::1",
	} {
		if !s.Take(addr(client)) {
			t.Errorf("%s got nothing of its share", client)
		}
	}
	if s.Take(addr("2001:db8::3")) {
		t.Error("a network got more than its share")
	}
	s.Give(addr("2001:db8::1"))
	if !s.Take(addr("2001:db8::3")) {
		t.Error("what was given back is not there again")
	}
	for _, client := range []string{"2001:db8::2", "2001:db8::3", "198.51.100.1", "127.0.0.1", "127.0.0.1", "::1", "::1", "::1"} {
		s.Give(addr(client))
	}
	if len(s.taken) != 0 {
		t.Errorf("not given back: %v", s.taken)
	}
}

func TestNoShareIsNoLimit(t *testing.T) {
	t.Parallel()
	s := NewShares(0)
	for range 1000 {
		if !s.Take(netip.MustParseAddr("198.51.100.1")) {
			t.Fatal("limited")
		}
	}
}
