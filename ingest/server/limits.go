package server

import (
	"cmp"
	"fmt"
	"time"

	"leadlog/ingest/kafkalog"
)

// Limits bound what one client, and all of them together, can make the edge hold. Whoever is over one gets an answer early,
// or none and the connection closed. A field that is 0 has its default; MaxConnectionsPerClient has none, and 0 is no limit.
type Limits struct {
	// HeaderTimeout is how long a request's headers may take, and a TLS handshake. Over it, the connection is closed. HTTP/2 does
	// not know it: a connection without a whole request ends by IdleTimeout.
	HeaderTimeout time.Duration
	// BodyTimeout is how long a whole request may take to arrive. Over it: 408.
	BodyTimeout time.Duration
	// IdleTimeout is how long a connection is kept between two requests.
	IdleTimeout time.Duration
	// MaxBody is the longest body of a submission, in bytes. Over it: 413.
	MaxBody int
	// MaxHeader is the longest request line with its headers, in bytes, as near as headerSlack says. Over it: 431.
	MaxHeader int
	// MaxConnections is how many connections may be open at once, on all public listeners. Over it: 503, unread.
	MaxConnections int
	// MaxConnectionsPerClient is how many of them one client may have: an IPv4 address, or an IPv6 /64. Loopback and trusted
	// proxies, behind which many clients are, are exempt. Over it: 429, unread. A client, also one behind a trusted proxy, may have as
	// many submissions under way, of which HTTP/2 brings many on one connection. Over it: 429.
	MaxConnectionsPerClient int
	// MaxInflightRecords and MaxInflightBytes bound what Kafka has not answered yet; a partition may hold a quarter of each, and
	// no more records than it acknowledges in 0.8 s (128 at the least). Over it: 503.
	MaxInflightRecords, MaxInflightBytes int64
}

// headerSlack is taken off what net/http is told: it lets 4 KiB more through, and up to 4 KiB more again on a connection that
// was used before. A request so is refused somewhere from 1 KiB below MaxHeader to 3 KiB above;
// over HTTP/2, which has no such slack, from 5 KiB below, and a single field of that size ends the connection there.
const headerSlack = 5 << 10

// The least that works.
const (
	minHeader        = 8 << 10   // browsers send 1 to 2 KiB, and cookies of a shared domain come with it
	minBody          = 64        // the shortest submission has about 22 bytes
	minInflightBytes = 256 << 10 // a partition's quarter must hold one event at its longest
)

// DefaultLimits are what the program starts with.
func DefaultLimits() Limits {
	return Limits{
		HeaderTimeout: 5 * time.Second, BodyTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second,
		MaxBody: 4 << 10, MaxHeader: 16 << 10,
		MaxConnections: 16384, MaxConnectionsPerClient: 256,
		MaxInflightRecords: kafkalog.DefaultMaxRecords, MaxInflightBytes: kafkalog.DefaultMaxBytes,
	}
}

// Validate reports what can't be meant, and names the variable.
func (l Limits) Validate() error {
	for _, duration := range []struct {
		name  string
		value time.Duration
	}{{"HEADER_TIMEOUT", l.HeaderTimeout}, {"BODY_TIMEOUT", l.BodyTimeout}, {"IDLE_TIMEOUT", l.IdleTimeout}} {
		if duration.value < 0 {
			return fmt.Errorf("%s is %v: use a time such as 5s", duration.name, duration.value)
		}
	}
	for _, number := range []struct {
		name         string
		value, least int64
		or           string
	}{
		{"MAX_BODY", int64(l.MaxBody), minBody, ""},
		{"MAX_HEADER", int64(l.MaxHeader), minHeader, ""},
		{"MAX_CONNECTIONS", int64(l.MaxConnections), 1, ""},
		{"MAX_CONNECTIONS_PER_CLIENT", int64(l.MaxConnectionsPerClient), 1, ", or 0 for no limit"},
		{"MAX_INFLIGHT_RECORDS", l.MaxInflightRecords, 1, ""},
		{"MAX_INFLIGHT_BYTES", l.MaxInflightBytes, minInflightBytes, ""},
	} {
		if number.value != 0 && number.value < number.least {
			return fmt.Errorf("%s is %d: use at least %d%s", number.name, number.value, number.least, number.or)
		}
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.HeaderTimeout = cmp.Or(l.HeaderTimeout, d.HeaderTimeout)
	l.BodyTimeout = cmp.Or(l.BodyTimeout, d.BodyTimeout)
	l.IdleTimeout = cmp.Or(l.IdleTimeout, d.IdleTimeout)
	l.MaxBody = cmp.Or(l.MaxBody, d.MaxBody)
	l.MaxHeader = cmp.Or(l.MaxHeader, d.MaxHeader)
	l.MaxConnections = cmp.Or(l.MaxConnections, d.MaxConnections)
	l.MaxInflightRecords = cmp.Or(l.MaxInflightRecords, d.MaxInflightRecords)
	l.MaxInflightBytes = cmp.Or(l.MaxInflightBytes, d.MaxInflightBytes)
	return l
}
