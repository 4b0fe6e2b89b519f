//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// freePorts returns addresses that nobody listens on just now. They lie below the ports that the system gives to whoever connects:
// one of those would be somebody else's by the time that a killed broker comes back.
func freePorts(n int) (addresses []string, err error) {
	for tries := 0; len(addresses) < n; tries++ {
		address := fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(12_000))
		ln, err := net.Listen("tcp", address)
		if err != nil && tries < 1000 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer ln.Close() // at the end, so that no port comes twice
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func freePort() (string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	return ports[0], nil
}

// network is a proxy before each broker, for whoever starts from the proxied addresses.
type network struct{ proxies []*toxiproxy.Proxy }

func newNetwork(listen, upstream []string) (*network, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics tell of every interruption, whatever logger they are given
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	n := &network{}
	for i := range listen {
		proxy := toxiproxy.NewProxy(server, fmt.Sprint("broker-", i+1), listen[i], upstream[i])
		if err := proxy.Start(); err != nil {
			return nil, err
		}
		n.proxies = append(n.proxies, proxy)
	}
	return n, nil
}

// poison adds a toxic to every connection, in both directions.
func (n *network) poison(kind, attributes string) error {
	for _, p := range n.proxies {
		for _, stream := range []string{"upstream", "downstream"} {
			text := fmt.Sprintf(`{"name":"%s_%s","type":%q,"stream":%q,"attributes":%s}`, kind, stream, kind, stream, attributes)
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
				return fmt.Errorf("%s %s: %w", p.Name, kind, err)
			}
		}
	}
	return nil
}

// cut closes every connection and refuses new ones.
func (n *network) cut() {
	for _, p := range n.proxies {
		p.Stop()
	}
}

// mend takes every toxic away, and takes connections again.
func (n *network) mend(ctx context.Context) error {
	for _, p := range n.proxies {
		p.Toxics.ResetToxics(ctx)
		if p.Enabled {
			continue
		}
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}
