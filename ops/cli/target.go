package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/ops/stack"
	"leadlog/projectors/catalog"
)

// target is the flags that say which log and stores a verb is about.
type target struct {
	KafkaBrokers string `placeholder:"HOST:PORT,…" help:"Kafka brokers to start from."`
	DatabaseURL  string `placeholder:"postgres://…" help:"PostgreSQL: leads, and audit when there is no MongoDB."`
	MongodbURI   string `name:"mongodb-uri" placeholder:"mongodb://…" help:"MongoDB or its protocol: audit."`
	RedisURL     string `name:"redis-url" placeholder:"redis://…" help:"Redis: dedup."`
	PhoneRegion  string `placeholder:"IR" help:"Region that the edge reads numbers with."`
	Dev          bool   `help:"Accept what one broker can't give: the topic is NOT replicated."`
	DataDir      string `default:".leadlog" help:"Of ops up; used when none of the four above is set."`
}

// resolved is a target that can be opened.
type resolved struct {
	control.Config

	name        string // for people, without passwords
	dataDir     string // of `ops up`, when that is the target
	phoneRegion string
}

// resolve returns what the flags and the environment name, or else what `ops up` wrote into its data folder: one or the
// other, never a mixture of both.
func (t *target) resolve() (resolved, error) {
	if t.KafkaBrokers == "" && t.DatabaseURL == "" && t.MongodbURI == "" && t.RedisURL == "" {
		return t.resolveStack()
	}
	cfg, err := configOf(t.KafkaBrokers, catalog.URLs{Database: t.DatabaseURL, Mongo: t.MongodbURI, Redis: t.RedisURL}, t.Dev)
	if err != nil {
		return resolved{}, err
	}
	return resolved{Config: cfg, name: nameOf(cfg), phoneRegion: t.PhoneRegion}, nil
}

func (t *target) resolveStack() (resolved, error) {
	env, err := stack.ReadEnv(t.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return resolved{}, flags.Usagef("what is this about? Set KAFKA_BROKERS, DATABASE_URL, MONGODB_URI or REDIS_URL (or give the flags of "+
			"those names); or start `ops up`, which writes %s, and name its folder with --data-dir", filepath.Join(t.DataDir, stack.EnvFile))
	}
	if err != nil {
		return resolved{}, flags.UsageError{Err: err}
	}
	cfg, err := configOf(env.KafkaBrokers, catalog.URLs{Database: env.DatabaseURL, Mongo: env.MongodbURI, Redis: env.RedisURL}, env.Dev)
	if err != nil {
		return resolved{}, err
	}
	name := fmt.Sprintf("data dir %s (%s)", t.DataDir, stack.EnvFile)
	return resolved{Config: cfg, name: name, dataDir: t.DataDir, phoneRegion: cmp.Or(t.PhoneRegion, env.PhoneRegion)}, nil
}

func configOf(brokers string, urls catalog.URLs, dev bool) (control.Config, error) {
	cfg := control.Config{URLs: urls, Dev: dev}
	if brokers == "" {
		return cfg, nil
	}
	var err error
	if cfg.Brokers, err = broker.ParseBrokers(brokers); err != nil {
		return cfg, flags.UsageError{Err: err}
	}
	return cfg, nil
}

// nameOf names each part that is given: hosts and databases, but no user and no password.
func nameOf(cfg control.Config) string {
	var parts []string
	add := func(what, where string) {
		if where != "" {
			parts = append(parts, what+" "+where)
		}
	}
	add("Kafka", strings.Join(cfg.Brokers, ","))
	add("PostgreSQL", place(cfg.URLs.Database))
	add("MongoDB", place(cfg.URLs.Mongo))
	add("Redis", place(cfg.URLs.Redis))
	return strings.Join(parts, "; ")
}

// place returns host and path of a URL. A list of hosts with ports, as MongoDB's may have, is no URL for net/url.
func place(text string) string {
	if text == "" {
		return ""
	}
	_, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return "(not a URL)" // such as host=… password=…: better nothing than a password
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	if plain, err := url.PathUnescape(rest); err == nil {
		rest = plain
	}
	return printable(rest)
}
