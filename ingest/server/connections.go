package server

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/ingest/gate"
)

// connections counts the open connections of all public listeners, and of each client.
type connections struct {
	max, maxPerClient int
	exempt            gate.Proxies

	mu      sync.Mutex
	open    int
	clients map[netip.Prefix]int

	closed       chan struct{} // a connection was the last one
	full, greedy prometheus.Counter
}

func newConnections(limits Limits, proxies gate.Proxies, registry prometheus.Registerer) (*connections, error) {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadlog_edge_connections_refused_total",
		Help: "Connections turned away: full (MAX_CONNECTIONS) or client (MAX_CONNECTIONS_PER_CLIENT).",
	}, []string{"reason"})
	c := &connections{
		max: limits.MaxConnections, maxPerClient: limits.MaxConnectionsPerClient, exempt: proxies,
		clients: make(map[netip.Prefix]int), closed: make(chan struct{}, 1),
		full: refused.WithLabelValues("full"), greedy: refused.WithLabelValues("client"),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leadlog_edge_connections", Help: "Open connections of the public listeners.",
	}, func() float64 { return float64(c.count()) })
	for _, collector := range []prometheus.Collector{refused, open} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("metrics of connections: %w", err)
		}
	}
	return c, nil
}

// verdict is what becomes of a connection that wants in.
type verdict int

const (
	welcome verdict = iota
	full            // there are too many
	greedy          // this client has too many
)

// enter counts a connection in, or says why not. The client is what leave needs; it is not valid when it is not counted.
func (c *connections) enter(peer net.Addr) (client netip.Prefix, v verdict) {
	client = c.clientOf(peer)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.max {
		c.full.Inc()
		return client, full
	}
	if client.IsValid() {
		if c.clients[client] >= c.maxPerClient {
			c.greedy.Inc()
			return client, greedy
		}
		c.clients[client]++
	}
	c.open++
	return client, welcome
}

// leave counts a connection out.
func (c *connections) leave(client netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client.IsValid() {
		if c.clients[client]--; c.clients[client] == 0 {
			delete(c.clients, client)
		}
	}
	if c.open--; c.open > 0 {
		return
	}
	select {
	case c.closed <- struct{}{}:
	default:
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// clientOf returns what a peer is counted by; nothing valid when it is exempt.
func (c *connections) clientOf(peer net.Addr) netip.Prefix {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok || c.maxPerClient == 0 {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if !addr.IsValid() || addr.IsLoopback() || c.exempt.Contains(addr) {
		return netip.Prefix{}
	}
	return gate.Network(addr)
}
