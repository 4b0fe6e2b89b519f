package stack

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"leadlog/ingest/submit"
)

// Config says where the stack keeps its data, where it listens, and who is told what happens.
type Config struct {
	// DataDir is the stack's own folder, made when missing. One that holds anything of somebody else's is refused.
	DataDir string
	// Reset empties DataDir first.
	Reset bool
	// Listen and PrivateListen are addresses of the edge: page and API, and metrics, health and profiles of everything.
	Listen, PrivateListen string
	// MongodbURI is a MongoDB to keep the audit log in. Empty: it is kept in the stack's PostgreSQL.
	MongodbURI string
	// PhoneRegion, RateLimit and AllowedOrigins are the edge's.
	PhoneRegion    string
	RateLimit      int
	AllowedOrigins submit.Origins
	// Demo is how many submissions made-up visitors send once everything is ready; 0 for none.
	Demo int
	// Binaries are the folders to look for PostgreSQL's programs in; see localpg.Config.
	Binaries []string

	// Log gets what everything logs, in addition to the file LogFile in DataDir. Nil: only the file does.
	Log *slog.Logger
	// Tell is told what happens.
	Tell Tell
}

// Tell is told what happens, by one goroutine at a time. Each function may be nil.
type Tell struct {
	// Step gets a line about something that was done, or that takes a while.
	Step func(line string)
	// Ready is called once, when the edge takes leads and every view is being filled.
	Ready func(Ready)
	// Demo is called now and then while made-up visitors are at work, and a last time when they are done.
	Demo func(Tally)
}

// Ready is what can be used from now on.
type Ready struct {
	Env

	DataDir      string
	Took         time.Duration // since Run was called
	PostgresPort string
	RedisPort    string
}

func (c Config) validate() error {
	switch {
	case c.DataDir == "":
		return errors.New("--data-dir is empty")
	case c.RateLimit < 0:
		return fmt.Errorf("--rate-limit %d: use submissions a minute, or 0 for no limit", c.RateLimit)
	case c.Demo < 0:
		return fmt.Errorf("a demo of %d submissions", c.Demo)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tell.Step == nil {
		c.Tell.Step = func(string) {}
	}
	if c.Tell.Ready == nil {
		c.Tell.Ready = func(Ready) {}
	}
	if c.Tell.Demo == nil {
		c.Tell.Demo = func(Tally) {}
	}
	return c
}
