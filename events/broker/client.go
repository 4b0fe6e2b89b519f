package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says which cluster to talk to, and as whom.
type Config struct {
	// Brokers are host:port addresses to start from. At least one.
	Brokers []string
	// ClientID is leadlog-ingest, leadlog-PROJECTION or leadlog-ops: what quotas and the brokers' logs know us by.
	ClientID string
	// Dev waives what one broker can't give: replication, the in-sync set and LogAppendTime.
	Dev bool
	Log *slog.Logger
}

// ParseBrokers reads the value of KAFKA_BROKERS: host:port, separated by commas.
func ParseBrokers(list string) ([]string, error) {
	var brokers []string
	for _, b := range strings.Split(list, ",") {
		b = strings.TrimSpace(b)
		if b == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			return nil, fmt.Errorf("KAFKA_BROKERS: %q is not host:port", b)
		}
		brokers = append(brokers, b)
	}
	if len(brokers) == 0 {
		return nil, errors.New("KAFKA_BROKERS is empty: give at least one host:port")
	}
	return brokers, nil
}

// NewClient returns a client of the cluster with the options that every program shares. It does not connect: brokers that
// are down show at the first request.
func NewClient(cfg Config, opts ...kgo.Opt) (*kgo.Client, error) {
	base := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID(cfg.ClientID),
		kgo.DialTimeout(3 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
		// A broker that comes back is used at once, instead of after kgo's default of up to 2.5 s.
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.MetadataMaxAge(30 * time.Second),
	}
	if cfg.Log != nil {
		base = append(base, kgo.WithLogger(clientLog{cfg.Log}))
	}
	client, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

func backoff(tries int) time.Duration {
	return min(50*time.Millisecond<<min(tries, 5), time.Second)
}

// clientLog passes on what the Kafka client has to say, from warnings up: its info level tells of every metadata refresh.
type clientLog struct{ log *slog.Logger }

func (clientLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelWarn
	if level == kgo.LogLevelError {
		to = slog.LevelError
	}
	l.log.Log(context.Background(), to, "kafka client", append([]any{"says", msg}, keyvals...)...)
}
