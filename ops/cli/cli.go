// Package cli is the command line of operators and analysts: what stands on it, which log and stores it is about, and how
// an answer is shown. What is done is done in packages control and stack; nothing here decides anything.
//
// The first line on stderr names the target. Tables go to stdout, notes and progress to stderr. Exit codes: 0 done, 1
// failed, 2 a command line or an environment that can't be used, 3 worked, and something is not as it should be.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"leadlog/ingest/gate"
	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/ops/stack"
	"leadlog/ops/telemetry"
)

const description = `Tools for operators and analysts of leadlog.

Start: ops up --demo

What a command is about is given by KAFKA_BROKERS, DATABASE_URL, MONGODB_URI and REDIS_URL, or by the flags of those
names. When none of the four is set, it is the stack that ops up keeps in --data-dir.

Exit codes: 0 done, 1 failed, 2 usage, 3 differences found or unhealthy.`

// verbs is the command line.
type verbs struct {
	Up      upVerb      `cmd:"" help:"Run everything in this process: edge, projectors and stores. Nothing to install."`
	Init    initVerb    `cmd:"" help:"Make the topics and tables, or bring them up to date."`
	Status  statusVerb  `cmd:"" help:"How everything is, on one screen, and what helps."`
	Lag     lagVerb     `cmd:"" help:"How far each view is in each partition."`
	Pause   pauseVerb   `cmd:"" help:"Stop a view, or some of its partitions, from being applied."`
	Resume  resumeVerb  `cmd:"" help:"Take a pause back."`
	Rewind  rewindVerb  `cmd:"" help:"Take a view back to an earlier place in the log, while everything runs."`
	Rebuild rebuildVerb `cmd:"" help:"Build a view again from the log beside the live one, and swap it in."`
	Drop    dropVerb    `cmd:"" help:"Remove a version of a view that nobody reads."`
	DLQ     dlqVerbs    `cmd:"" name:"dlq" help:"Dead letters: records that could not be applied."`
	Verify  verifyVerb  `cmd:"" help:"Compare views with the log, row by row."`
	Trace   traceVerb   `cmd:"" help:"What became of a submission: where it is in the log, and in each view."`
	Skip    skipVerb    `cmd:"" help:"Have a view pass over records for good."`
	Adopt   adoptVerb   `cmd:"" help:"Accept the topic of a restored cluster."`
	Ledger  ledgerVerb  `cmd:"" help:"Who changed what, when and why."`
	Topic   topicVerbs  `cmd:"" help:"The topics."`
	Site    siteVerbs   `cmd:"" help:"What the page says and shows."`
}

// process is what a program has of its surroundings.
type process struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// say writes a line of the answer.
func (p *process) say(format string, args ...any) { fmt.Fprintf(p.stdout, format+"\n", args...) }

// note tells people something that is not part of the answer.
func (p *process) note(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }

// who is whoever runs this, as the ledger names them: by the account they logged in with, where sudo tells it.
func (p *process) who() string {
	name := cmp.Or(p.getenv("SUDO_USER"), p.getenv("USER"), p.getenv("LOGNAME"))
	if name == "" {
		name = "uid " + strconv.Itoa(os.Getuid())
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// Main runs the command line that this process was started with, and returns its exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer context.AfterFunc(ctx, stop)() // a second signal kills
	err := Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flags.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ops:", err)
	}
	return flags.Code(err)
}

// Run is the whole program without the process: Main starts it as tests do. See package flags for what its error means.
func Run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	var v verbs
	parsed, err := flags.Parse(&v, args, getenv, stdout, kong.Name("ops"), kong.Description(description),
		kong.Vars{"rate_limit": strconv.Itoa(gate.DefaultRateLimit)}, kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return err
	}
	return parsed.Run(&process{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr})
}

// asking is the flags of every verb that asks a running system.
type asking struct {
	target
	Timeout time.Duration `default:"30s" noenv:"" help:"How long the whole command may take."`
}

// with opens the system that a verb is about, says which it is, and closes it.
func (a *asking) with(ctx context.Context, p *process, do func(context.Context, *control.System) error) error {
	if a.Timeout <= 0 {
		return flags.Usagef("--timeout %s: must be above 0", a.Timeout)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.Timeout, fmt.Errorf("no answer within --timeout=%s", a.Timeout))
	defer cancel()
	return a.open(ctx, p, do)
}

// open is with, for as long as ctx lasts.
func (t *target) open(ctx context.Context, p *process, do func(context.Context, *control.System) error) error {
	cfg, err := t.resolve()
	if err != nil {
		return err
	}
	p.note("target: %s", cfg.name)
	if cfg.dataDir != "" && !stack.Running(cfg.dataDir) {
		p.note("`ops up` is not running in %s: start it, nothing will answer before", cfg.dataDir)
	}
	telemetry.RouteRedisLog(slog.New(slog.DiscardHandler)) // what a driver has to say comes back as an error
	cfg.Who = p.who()
	system, err := control.Open(cfg.Config)
	if err != nil {
		return err
	}
	defer system.Close()
	if err := do(ctx, system); !errors.Is(err, control.ErrNoKafka) {
		return err
	}
	return flags.Usagef("this needs the log: %w", control.ErrNoKafka)
}

// differences makes an error that ends with exit code 3.
func differences(format string, args ...any) error {
	return fmt.Errorf("%w: %s", flags.ErrDifferences, fmt.Sprintf(format, args...))
}

// noteMissing says which views an answer leaves out, and why.
func (p *process) noteMissing(system *control.System) {
	for _, e := range system.Missing() {
		p.note("view %s is left out: %s is not set", e.Name, e.Needs)
	}
}
