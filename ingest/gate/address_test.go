package gate

import (
	"net/netip"
	"strings"
	"testing"
)

func TestForwardedAddressesCountOnlyBehindTrustedProxies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trusted   string
		peer      string
		forwarded []string
		want      string
	}{
		"no proxies":                    {"", "203.0.113.9:5", []string{"198.51.100.1"}, "203.0.113.9"},
		"forged by an untrusted peer":   {"10.0.0.0/8", "203.0.113.9:5", []string{"198.51.100.1"}, "203.0.113.9"},
		"trusted peer":                  {"10.0.0.0/8", "10.1.2.3:5", []string{"198.51.100.1"}, "198.51.100.1"},
		"trusted peer, nothing said":    {"10.0.0.0/8", "10.1.2.3:5", nil, "10.1.2.3"},
		"forged further left":           {"10.0.0.0/8", "10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                   {"10.0.0.0/8", "10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"lines are joined":              {"10.0.0.0/8", "10.1.2.3:5", []string{"1.1.1.1, 198.51.100.1", "10.9.9.9"}, "198.51.100.1"},
		"all of them proxies":           {"10.0.0.0/8", "10.1.2.3:5", []string{"10.7.7.7, 10.9.9.9"}, "10.7.7.7"},
		"garbage on the right":          {"10.0.0.0/8", "10.1.2.3:5", []string{"198.51.100.1, unknown"}, "10.1.2.3"},
		"garbage behind a proxy":        {"10.0.0.0/8", "10.1.2.3:5", []string{"1.1.1.1, <script>, 10.9.9.9"}, "10.9.9.9"},
		"empty entry":                   {"10.0.0.0/8", "10.1.2.3:5", []string{"198.51.100.1, "}, "10.1.2.3"},
		"one address as proxy":          {"10.1.2.3", "10.1.2.3:5", []string{"198.51.100.1"}, "198.51.100.1"},
		"its neighbour is none":         {"10.1.2.3", "10.1.2.4:5", []string{"198.51.100.1"}, "10.1.2.4"},
		"IPv6":                          {"fd00::/8", "[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv4 dressed as IPv6":          {"10.0.0.0/8", "[::ffff:10.1.2.3]:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a network dressed as IPv6":     {"::ffff:10.0.0.0/104", "10.1.2.3:5", []string{"198.51.100.1"}, "198.51.100.1"},
		"a zone":                        {"", "[fe80::1%eth0]:5", nil, "fe80::1"},
		"an entry with a port":          {"10.0.0.0/8", "10.1.2.3:5", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"an IPv6 entry in brackets":     {"10.0.0.0/8", "10.1.2.3:5", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"an IPv6 entry with a port":     {"10.0.0.0/8", "10.1.2.3:5", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"a listener that is no socket":  {"", "pipe", nil, "0.0.0.0"},
		"untrusted although unspecific": {"10.0.0.0/8", "@", []string{"198.51.100.1"}, "0.0.0.0"},
	} {
		proxies, err := ParseProxies(c.trusted)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := proxies.Client(c.peer, c.forwarded); got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestProxiesThatCantBeReadNameTheVariable(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"10.0.0.0/33", "proxy.example", "10.0.0.1;10.0.0.2"} {
		if _, err := ParseProxies(list); err == nil || !strings.Contains(err.Error(), "TRUSTED_PROXIES") {
			t.Errorf("%q: %v", list, err)
		}
	}
	if p, err := ParseProxies(" 10.0.0.0/8 ,, ::1 "); err != nil || len(p) != 2 {
		t.Errorf("spaces and empty entries are fine: %v, %v", p, err)
	}
}

func TestIPv6IsCountedByItsNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"198.51.100.1":      "throttle:submit_ip:198.51.100.1",
		"2001:db8:1:2::7":   "throttle:submit_ip:2001:db8:1:2::/64",
		"2001:db8:1:2:9::8": "throttle:submit_ip:2001:db8:1:2::/64",
		"2001:db8:1:3::7":   "throttle:submit_ip:2001:db8:1:3::/64",
	} {
		if got := throttleKey(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is counted by %s, want %s", addr, got, want)
		}
	}
}
