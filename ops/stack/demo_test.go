package stack

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/ingest/gate"
)

// TestNobodyInTheCrowdMeetsTheLimit counts what each client sends in any minute, at the full rate.
func TestNobodyInTheCrowdMeetsTheLimit(t *testing.T) {
	t.Parallel()
	c := newCrowd()
	window := demoRate * int(gate.Window/time.Second)
	recent := make(map[netip.Prefix][]int)
	for n := range 2 * window {
		client := clientOf(t, c.next().from)
		sent := append(recent[client], n)
		for n-sent[0] >= window {
			sent = sent[1:]
		}
		recent[client] = sent
		if len(sent) > gate.DefaultRateLimit/4 {
			t.Fatalf("%s sends %d in a minute", client, len(sent))
		}
	}
}

// clientOf is what the edge counts a client by.
func clientOf(t *testing.T, from net.Addr) netip.Prefix {
	t.Helper()
	both, err := netip.ParseAddrPort(from.String())
	if err != nil {
		t.Fatal(err)
	}
	bits := 64
	if both.Addr().Is4() {
		bits = 32
	}
	prefix, err := both.Addr().Prefix(bits)
	if err != nil {
		t.Fatal(err)
	}
	return prefix
}

func TestTheCrowdIsFictional(t *testing.T) {
	t.Parallel()
	var nets []netip.Prefix
	for _, text := range []string{"198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		nets = append(nets, netip.MustParsePrefix(text))
	}
	c, again, forms := newCrowd(), 0, 0
	const n = 4000
	for range n {
		v := c.next()
		from := netip.MustParseAddrPort(v.from.String()).Addr()
		if !nets[0].Contains(from) && !nets[1].Contains(from) && !nets[2].Contains(from) {
			t.Fatalf("a visitor from %s", from)
		}
		for _, region := range []string{"", "IR"} {
			phone, err := events.NormalizePhone(v.typed, region)
			if err != nil || phone != v.phone || phone[5:10] != "55501" {
				t.Fatalf("typed %q, read as %q (%v), want %q", v.typed, phone, err, v.phone)
			}
		}
		if v.again {
			again++
		}
		if v.form {
			forms++
		}
	}
	if again < n*percentAgain/200 || again > n*percentAgain/50 || forms < n*percentForms/200 {
		t.Errorf("%d of %d again, %d by form", again, n, forms)
	}
}

func TestAMemoryListenerShowsWhereItsClientsComeFrom(t *testing.T) {
	t.Parallel()
	ln := newMemoryListener()
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat(r.RemoteAddr+"\n", 1000)))
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	conn, err := ln.dial(t.Context(), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::1]:1234")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "[2001:db8::1]:1234\n" {
		t.Errorf("%q, %v", line, err)
	}
	_ = server.Close()
	if err := <-served; err != http.ErrServerClosed { //nolint:errorlint // as net/http returns it
		t.Error(err)
	}
	if _, err := ln.dial(t.Context(), nil); err != net.ErrClosed { //nolint:errorlint // our own
		t.Errorf("a closed one: %v", err)
	}
}
