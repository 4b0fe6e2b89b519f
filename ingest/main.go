// Command ingest is the edge: it serves the landing page and takes phone numbers, and appends each to the Kafka topic
// phone-submitted before it says thanks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ingest/gate"
	"leadlog/ingest/server"
	"leadlog/ingest/submit"
	"leadlog/ops/flags"
	"leadlog/ops/telemetry"
)

const description = `The edge: takes phone numbers by HTTP and appends them to Kafka.

Example: ingest --kafka-brokers=kafka-1:9092,kafka-2:9092 --redis-url=redis://redis:6379/0 --trusted-proxies=10.0.0.0/8

Only Kafka is needed. Each flag can be given by the environment variable that is named behind it.`

// cli is the command line; ops/flags gives each flag its twin in the environment.
type cli struct {
	KafkaBrokers   string `placeholder:"HOST:PORT,..." help:"Kafka brokers to start from. Required."`
	RedisURL       string `name:"redis-url" placeholder:"URL" help:"Redis for claims and throttles. Empty: without."`
	Listen         string `default:":8080" help:"Public address: page and API."`
	PrivateListen  string `default:"127.0.0.1:9090" help:"Private address: metrics, detailed health, profiles."`
	TrustedProxies string `placeholder:"CIDR,..." help:"Peers whose X-Forwarded-For is believed."`
	AllowedOrigins string `placeholder:"ORIGIN,..." help:"Other sites whose pages may post here, such as https://shop.example."`
	RateLimit      int    `default:"${rate_limit}" help:"Submissions a client a minute; 0 for no limit."`
	PhoneRegion    string `placeholder:"IR" help:"Region that numbers are read with; they are then stored in E.164. Empty: as typed."`
	Healthcheck    bool   `noenv:"" help:"Ask the edge at --private-listen whether it is ready, and exit 0 if so: for containers."`
	Dev            bool   `help:"For development: one broker will do, and debug logs. Never for real leads."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal kills
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flags.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ingest:", err)
	}
	os.Exit(flags.Code(err))
}

// run is the whole program: main starts it as tests do. It returns when ctx has ended and everything is answered.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	var c cli
	if _, err := flags.Parse(&c, args, getenv, stdout, kong.Name("ingest"), kong.Description(description),
		kong.Vars{"rate_limit": fmt.Sprint(gate.DefaultRateLimit)}); err != nil {
		return err
	}
	if c.Healthcheck {
		return telemetry.Probe(ctx, c.PrivateListen)
	}
	cfg, err := c.config()
	if err != nil {
		return flags.UsageError{Err: err}
	}
	cfg.Log = telemetry.NewLogger(stderr, c.Dev)
	if err := cfg.Validate(); err != nil {
		return flags.UsageError{Err: err}
	}
	telemetry.RouteRedisLog(cfg.Log)
	return server.Run(ctx, cfg)
}

// config reads what the flags say. Its errors name the variable.
func (c *cli) config() (server.Config, error) {
	cfg := server.Config{
		Topic: events.Topic, Dev: c.Dev, RedisURL: c.RedisURL, RateLimit: c.RateLimit, PhoneRegion: c.PhoneRegion,
		Listen: c.Listen, PrivateListen: c.PrivateListen, Source: source(),
	}
	var err error
	if cfg.Brokers, err = broker.ParseBrokers(c.KafkaBrokers); err != nil {
		return cfg, err
	}
	if cfg.TrustedProxies, err = gate.ParseProxies(c.TrustedProxies); err != nil {
		return cfg, err
	}
	cfg.AllowedOrigins, err = submit.ParseOrigins(c.AllowedOrigins)
	return cfg, err
}

// source names this edge in its events.
func source() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return "/leadlog/ingest/" + host
}
