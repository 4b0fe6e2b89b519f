package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/events"
	"leadlog/ingest/gate"
	"leadlog/ingest/media"
	"leadlog/ingest/submit"
	"leadlog/ops/flags"
	"leadlog/ops/telemetry"
)

// Config is all that an edge needs to know. The zero value of every field but Brokers, Log and the listeners is usable.
type Config struct {
	// Brokers are host:port addresses of Kafka. At least one; they need not be up.
	Brokers []string
	// Topic is events.Topic when empty.
	Topic string
	// Dev waives the rules of the topic's contract that one broker can't keep, and says so loudly.
	Dev bool
	// RedisURL says where claims and throttles are shared; empty means without.
	RedisURL string
	// ClaimWait is how long a submission waits for Redis. gate.DefaultWait when 0.
	ClaimWait time.Duration
	// Media says where site.json and the media are; the zero value means without.
	Media media.Store
	// RateLimit is submissions a client a minute; 0 means no limit.
	RateLimit int
	// PhoneRegion is the region that numbers are read with, such as IR; empty for none.
	PhoneRegion string
	// TrustedProxies are the peers whose X-Forwarded-For and X-Forwarded-Proto are believed; see gate.ParseProxies.
	TrustedProxies gate.Proxies
	// Limits bound clients and memory. The zero value has the defaults, and no limit of connections per client.
	Limits Limits
	// TLSCertFile and TLSKeyFile (PEM) make Public speak TLS and HTTP/2. They are read again when they change. Neither or
	// both; ExtraPublic stays plain.
	TLSCertFile, TLSKeyFile string
	// AllowedOrigins are the other sites that may post; see submit.ParseOrigins. The zero value allows none.
	AllowedOrigins submit.Origins
	// Source is the ce_source of every event: which edge took it. "/leadlog/ingest" when empty.
	Source string

	// Listen and PrivateListen are addresses such as :8080. Each is used only when the listener below it is nil; without
	// either there is no private listener.
	Listen, PrivateListen string
	// Public and Private are listeners that are open already. Run owns them, and closes them.
	Public, Private net.Listener
	// ExtraPublic are more listeners for the public routes, such as one in memory whose clients have addresses of their own.
	ExtraPublic []net.Listener

	// Health and Registry may be shared with other components of the process; each is made when nil.
	Health   *telemetry.Health
	Registry *prometheus.Registry
	Log      *slog.Logger
}

// Validate reports what is missing or can't be meant. Run calls it before anything listens.
func (c Config) Validate() error {
	switch {
	case len(c.Brokers) == 0:
		return errors.New("KAFKA_BROKERS is empty: give at least one host:port")
	case c.RateLimit < 0:
		return fmt.Errorf("RATE_LIMIT is %d: use submissions a minute, or 0 for no limit", c.RateLimit)
	case c.Public == nil && c.Listen == "":
		return errors.New("LISTEN is empty: give an address such as :8080")
	case (c.TLSCertFile == "") != (c.TLSKeyFile == ""):
		return errors.New("TLS_CERT_FILE and TLS_KEY_FILE go together: give both, or neither for plain HTTP")
	case c.Log == nil:
		return errors.New("server: Log must be set")
	}
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	if err := c.Media.Validate(); err != nil {
		return err
	}
	if err := events.CheckRegion(c.PhoneRegion); err != nil {
		return fmt.Errorf("PHONE_REGION: %w", err)
	}
	return gate.Config{RedisURL: c.RedisURL, Health: &telemetry.Health{}, Log: c.Log}.Validate()
}

func (c Config) withDefaults() Config {
	if c.Topic == "" {
		c.Topic = events.Topic
	}
	if c.Source == "" {
		c.Source = "/leadlog/ingest"
	}
	c.Limits = c.Limits.withDefaults()
	if c.Health == nil {
		c.Health = telemetry.NewHealth()
	}
	if c.Registry == nil {
		c.Registry = telemetry.NewRegistry()
	}
	return c
}

// listen opens what the configuration does not bring. The error names the flag.
func (c *Config) listen() error {
	var err error
	if c.Public == nil {
		if c.Public, err = net.Listen("tcp", c.Listen); err != nil {
			return flags.Usagef("--listen=%s (LISTEN): %w", c.Listen, err)
		}
	}
	if c.Private == nil && c.PrivateListen != "" {
		if c.Private, err = net.Listen("tcp", c.PrivateListen); err != nil {
			return flags.Usagef("--private-listen=%s (PRIVATE_LISTEN): %w", c.PrivateListen, err)
		}
	}
	return nil
}

func (c *Config) publicListeners() []net.Listener {
	return append([]net.Listener{c.Public}, c.ExtraPublic...)
}
