package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// portsFile keeps the ports that were picked for the stores, so that every start has the same.
const portsFile = "ports.json"

// Ports are picked below the range that systems take the ports of outgoing connections from: a port that is kept must not
// be somebody's client port at the next start.
const (
	lowestPort  = 20_000
	highestPort = 29_999
)

// ports of the stores, on 127.0.0.1.
type ports struct {
	Kafka    int `json:"kafka"`
	Postgres int `json:"postgres"`
	Redis    int `json:"redis"`
	S3       int `json:"s3"`
}

// all lists the ports, so that each is picked.
func (p *ports) all() []*int { return []*int{&p.Kafka, &p.Postgres, &p.Redis, &p.S3} }

// keptPorts returns the ports of a data folder. Each is picked when a stack first has the store: an earlier version had fewer.
func keptPorts(f *folder) (ports, error) {
	var kept ports
	text, err := os.ReadFile(f.file(portsFile))
	if err == nil {
		if err := json.Unmarshal(text, &kept); err != nil {
			return kept, fmt.Errorf("%s: %w", f.file(portsFile), err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return kept, fmt.Errorf("ports of the stores: %w", err)
	}
	before := kept
	if err := kept.pick(); err != nil || kept == before {
		return kept, err
	}
	if text, err = json.Marshal(kept); err == nil {
		err = os.WriteFile(f.file(portsFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return kept, fmt.Errorf("keep the ports of the stores: %w", err)
	}
	return kept, nil
}

func (p *ports) pick() error {
	picked := make(map[int]bool)
	for _, port := range p.all() {
		picked[*port] = true
	}
	for _, port := range p.all() {
		for tries := 0; *port == 0; tries++ {
			if tries == 100 {
				return fmt.Errorf("no port between %d and %d is free for the stores", lowestPort, highestPort)
			}
			candidate := lowestPort + rand.IntN(highestPort-lowestPort+1) //nolint:gosec // any free one will do
			if !picked[candidate] && free(candidate) {
				picked[candidate], *port = true, candidate
			}
		}
	}
	return nil
}

func free(port int) bool {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// taken is the error for a kept port that somebody else has now.
func (f *folder) taken(store string, err error) error {
	return fmt.Errorf("the port that %s has in %s is taken by another program; stop that, or remove %s to pick other ports: %w",
		store, f.path, f.file(portsFile), err)
}
