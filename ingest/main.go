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
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"leadlog/events"
	"leadlog/events/broker"
	"leadlog/ingest/gate"
	"leadlog/ingest/media"
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
	TrustedProxies string `placeholder:"CIDR,..." help:"Peers whose X-Forwarded-For and X-Forwarded-Proto are believed."`
	AllowedOrigins string `placeholder:"ORIGIN,..." help:"Other sites whose pages may post here, such as https://shop.example."`
	RateLimit      int    `default:"${rate_limit}" help:"Submissions a client a minute; 0 for no limit."`
	PhoneRegion    string `placeholder:"IR" help:"Region that numbers are read with; they are then stored in E.164. Empty: as typed."`
	Healthcheck    bool   `noenv:"" help:"Ask the edge at --private-listen whether it is ready, and exit 0 if so: for containers."`
	Dev            bool   `help:"For development: one broker will do, and debug logs. Never for real leads."`

	TLSCertFile string `name:"tls-cert-file" group:"TLS, without a proxy in front:" placeholder:"FILE" help:"Certificate chain (PEM) of the public address, read again when it changes."`
	TLSKeyFile  string `name:"tls-key-file" group:"TLS, without a proxy in front:" placeholder:"FILE" help:"Its private key (PEM)."`

	S3Endpoint  string `name:"s3-endpoint" group:"Media and site.json:" placeholder:"http://HOST:PORT" help:"S3 server; host:port alone means https, but http on the loopback. Empty: without, the page says what is built in."`
	S3AccessKey string `name:"s3-access-key" group:"Media and site.json:" help:"Its access key."`
	S3SecretKey string `name:"s3-secret-key" group:"Media and site.json:" help:"Its secret key; better given by the environment, since others can see command lines."`
	S3Bucket    string `name:"s3-bucket" group:"Media and site.json:" help:"The bucket; landing-media when not given."`

	Limits limits `embed:"" group:"Limits, and what is answered over them:"`
}

// limits are server.Limits as flags.
type limits struct {
	HeaderTimeout           time.Duration `default:"${header_timeout}" help:"For a request's headers, and a TLS handshake: closed."`
	BodyTimeout             time.Duration `default:"${body_timeout}" help:"For a whole request to arrive: 408."`
	IdleTimeout             time.Duration `default:"${idle_timeout}" help:"Between two requests of a connection: closed."`
	MaxBody                 int           `default:"${max_body}" help:"Longest body of a submission, in bytes: 413."`
	MaxHeader               int           `default:"${max_header}" help:"Longest request line with headers, in bytes, give or take 3 KiB: 431."`
	MaxConnections          int           `default:"${max_connections}" help:"Connections at once: 503."`
	MaxConnectionsPerClient int           `default:"${max_connections_per_client}" help:"Of one IPv4 address or IPv6 /64, and its submissions at once; 0 for no limit; the loopback is exempt, and connections of trusted proxies: 429."`
	MaxInflightRecords      int64         `default:"${max_inflight_records}" help:"Events that Kafka has not answered yet; in one partition a quarter of them, and what it acknowledges in 0.8 s: 503."`
	MaxInflightBytes        int64         `default:"${max_inflight_bytes}" help:"The same in bytes."`
}

// check refuses 0 where it means nothing: to server.Limits it is the default, and whoever writes it means something else.
func (l limits) check() error {
	for name, zero := range map[string]bool{
		"HEADER_TIMEOUT": l.HeaderTimeout == 0, "BODY_TIMEOUT": l.BodyTimeout == 0, "IDLE_TIMEOUT": l.IdleTimeout == 0,
		"MAX_BODY": l.MaxBody == 0, "MAX_HEADER": l.MaxHeader == 0, "MAX_CONNECTIONS": l.MaxConnections == 0,
		"MAX_INFLIGHT_RECORDS": l.MaxInflightRecords == 0, "MAX_INFLIGHT_BYTES": l.MaxInflightBytes == 0,
	} {
		if zero {
			return fmt.Errorf("%s is 0: there is no edge without this limit; leave it out for the default, which --help tells", name)
		}
	}
	return nil
}

// defaults are the values that the tags above name.
func defaults() kong.Vars {
	d := server.DefaultLimits()
	vars := kong.Vars{"rate_limit": fmt.Sprint(gate.DefaultRateLimit)}
	for name, value := range map[string]any{
		"header_timeout": d.HeaderTimeout, "body_timeout": d.BodyTimeout, "idle_timeout": d.IdleTimeout,
		"max_body": d.MaxBody, "max_header": d.MaxHeader,
		"max_connections": d.MaxConnections, "max_connections_per_client": d.MaxConnectionsPerClient,
		"max_inflight_records": d.MaxInflightRecords, "max_inflight_bytes": d.MaxInflightBytes,
	} {
		vars[name] = fmt.Sprint(value)
	}
	return vars
}

// garbage is how much of it the runtime lets gather, in percent of what is in use. An idle connection costs 20 KB, and at the
// runtime's own 100 ten thousand of them took 355 MB; a fixed limit would have it collect without end at some number of them.
const garbage = 40

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
	if _, err := flags.Parse(&c, args, getenv, stdout, kong.Name("ingest"), kong.Description(description), defaults()); err != nil {
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
	if getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	return server.Run(ctx, cfg)
}

// config reads what the flags say. Its errors name the variable.
func (c *cli) config() (server.Config, error) {
	cfg := server.Config{
		Topic: events.Topic, Dev: c.Dev, RedisURL: c.RedisURL, RateLimit: c.RateLimit, PhoneRegion: c.PhoneRegion,
		Listen: c.Listen, PrivateListen: c.PrivateListen, Source: source(),
		TLSCertFile: c.TLSCertFile, TLSKeyFile: c.TLSKeyFile, Limits: server.Limits(c.Limits),
		Media: media.Store{Endpoint: c.S3Endpoint, AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey, Bucket: c.S3Bucket},
	}
	err := c.Limits.check()
	if err != nil {
		return cfg, err
	}
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
