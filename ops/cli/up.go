package cli

import (
	"context"
	"errors"
	"log/slog"

	"leadlog/ingest/submit"
	"leadlog/ops/flags"
	"leadlog/ops/stack"
	"leadlog/ops/telemetry"
)

// demoSubmissions is how many the demo's visitors send: about 3,000 leads.
const demoSubmissions = 3300

type upVerb struct {
	DataDir        string `default:".leadlog" help:"Where everything is kept, over restarts."`
	Listen         string `default:"127.0.0.1:8080" help:"Public address: page and API."`
	PrivateListen  string `default:"127.0.0.1:9090" help:"Private address: metrics, health, profiles."`
	MongodbURI     string `name:"mongodb-uri" placeholder:"mongodb://…" help:"Keep the audit log there, and not in PostgreSQL."`
	RateLimit      int    `default:"${rate_limit}" help:"Submissions a client a minute; 0 for no limit."`
	PhoneRegion    string `placeholder:"IR" help:"Region that numbers are read with; they are then stored in E.164."`
	AllowedOrigins string `placeholder:"ORIGIN,…" help:"Other sites whose pages may post, such as http://127.0.0.1:3000."`
	Demo           bool   `noenv:"" help:"Send some thousand made-up submissions, and stop."`
	Reset          bool   `noenv:"" help:"Remove all data in --data-dir first."`
}

// Help implements kong.HelpProvider.
func (upVerb) Help() string {
	return `Kafka (franz-go's kfake, on disk), PostgreSQL (the installed one, or one that is downloaded), Redis (miniredis), S3 (gofakes3, on disk), the edge and the projectors, in one process. For development and for a first look: nothing is replicated.

Ctrl-C answers what is in flight, and ends. Everything but Redis is kept in --data-dir, a kill -9 loses nothing, and the dedup view in Redis is built again at the next start. Other verbs of ops find the stack by the file stack.env there.

Examples:

  ops up --demo

  ops up --data-dir /tmp/leadlog --listen 127.0.0.1:8081 --private-listen 127.0.0.1:9095`
}

// Run runs the stack until ctx ends.
func (v *upVerb) Run(ctx context.Context, p *process) error {
	p.note("target: data dir %s, in this process", v.DataDir)
	for _, name := range []string{"KAFKA_BROKERS", "DATABASE_URL", "REDIS_URL", "S3_ENDPOINT"} {
		if p.getenv(name) != "" {
			p.note("note: %s is set. up does not use it, but the other verbs do, instead of this stack", name)
		}
	}
	// Until everything is ready, parts that wait for each other are nothing to warn of. The file has it all.
	origins, err := submit.ParseOrigins(v.AllowedOrigins)
	if err != nil {
		return flags.UsageError{Err: err}
	}
	level := &slog.LevelVar{}
	level.Set(slog.LevelError)
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	telemetry.RouteRedisLog(log)
	cfg := stack.Config{
		DataDir: v.DataDir, Reset: v.Reset, Listen: v.Listen, PrivateListen: v.PrivateListen, MongodbURI: v.MongodbURI,
		PhoneRegion: v.PhoneRegion, RateLimit: v.RateLimit, AllowedOrigins: origins, Log: log, Tell: p.tell(level),
	}
	if v.Demo {
		cfg.Demo = demoSubmissions
	}
	err = stack.Run(ctx, cfg)
	if errors.Is(err, stack.ErrListen) || errors.Is(err, stack.ErrNotOurs) {
		return flags.UsageError{Err: err}
	}
	if err == nil {
		p.say("stopped; the data is kept in %s", v.DataDir)
	}
	return err
}

// tell shows what happens on stdout.
func (p *process) tell(level *slog.LevelVar) stack.Tell {
	return stack.Tell{
		Step: func(line string) { p.say("%s", line) },
		Ready: func(ready stack.Ready) {
			level.Set(slog.LevelWarn)
			p.say("%s", welcome(ready))
		},
		Demo: func(t stack.Tally) {
			p.say("demo: %d of %d submissions, %.0f a second; %d of phones sent before, %d failed", t.Sent, t.Of, t.Rate(), t.Again, t.Failed)
			if t.Done && t.Sent == t.Of {
				p.say("demo: done. The views have it all a moment later: look with the commands above.")
			}
		},
	}
}
