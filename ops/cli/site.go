package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"leadlog/ingest/media"
	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/ops/stack"
)

type siteVerbs struct {
	Get   siteGetVerb    `cmd:"" help:"What the page says: site.json, as it is in the bucket."`
	Put   sitePutVerb    `cmd:"" help:"Change what the page says."`
	Media siteMediaVerbs `cmd:"" help:"Images and videos of the page."`
}

// siteTarget is the flags of the verbs that are about the bucket, and need nothing else.
type siteTarget struct {
	S3Endpoint  string `name:"s3-endpoint" placeholder:"http://HOST:PORT" help:"S3 server; host:port alone means https, but http on the loopback."`
	S3AccessKey string `name:"s3-access-key" help:"Its access key."`
	S3SecretKey string `name:"s3-secret-key" help:"Its secret key; better given by the environment, since others can see command lines."`
	S3Bucket    string `name:"s3-bucket" help:"The bucket; landing-media when not given."`
	DataDir     string `default:".leadlog" help:"Of ops up; used when no S3 is given, and nothing else either."`
}

// said is the flag of verbs that have no rows to show.
type said struct {
	Output string `short:"o" enum:"text,json" default:"text" noenv:"" help:"text or json (one object a line)."`
}

// resolve returns what the flags and the environment name, or else what `ops up` wrote into its data folder, and its name for
// people. Where the environment names another log or store, its bucket has to be named too: never a mixture of both.
func (t *siteTarget) resolve(p *process) (store media.Store, name string, err error) {
	store = media.Store{Endpoint: t.S3Endpoint, AccessKey: t.S3AccessKey, SecretKey: t.S3SecretKey, Bucket: t.S3Bucket}
	if store.Given() {
		if err := store.Validate(); err != nil {
			return store, "", flags.UsageError{Err: err}
		}
		return store, store.Name(), nil
	}
	if store != (media.Store{}) {
		return store, "", flags.Usagef("S3_ENDPOINT is not set, and other S3_… are: which bucket is meant?")
	}
	for _, other := range []string{"KAFKA_BROKERS", "DATABASE_URL", "MONGODB_URI", "REDIS_URL"} {
		if p.getenv(other) != "" {
			return store, "", flags.Usagef("S3_ENDPOINT is not set, and %s is: set S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY to the bucket that belongs to it, "+
				"or unset %s to use --data-dir", other, other)
		}
	}
	env, err := stack.ReadEnv(t.DataDir)
	file := filepath.Join(t.DataDir, stack.EnvFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store, "", flags.Usagef("which bucket? Set S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY (or give the flags of those names); "+
			"or start `ops up`, which writes %s, and name its folder with --data-dir", file)
	case err != nil:
		return store, "", flags.UsageError{Err: err}
	case !env.Media().Given():
		return store, "", flags.Usagef("%s names no S3_ENDPOINT: start `ops up` again, which gives it one", file)
	}
	store = env.Media()
	return store, fmt.Sprintf("data dir %s (%s), %s", t.DataDir, stack.EnvFile, store.Name()), nil
}

// with opens the bucket that a verb is about, says which it is, and closes it.
func (t *siteTarget) with(ctx context.Context, p *process, limit time.Duration, do func(context.Context, *control.Site) error) error {
	store, name, err := t.resolve(p)
	if err != nil {
		return err
	}
	p.note("target: %s", name)
	if strings.HasPrefix(name, "data dir ") && !stack.Running(t.DataDir) {
		p.note("`ops up` is not running in %s: start it, nothing will answer before", t.DataDir)
	}
	if limit <= 0 {
		return flags.Usagef("--timeout %s: must be above 0", limit)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within --timeout=%s", limit))
	defer cancel()
	site, err := control.OpenSite(store)
	if err != nil {
		return flags.UsageError{Err: err}
	}
	defer site.Close()
	return do(ctx, site)
}

type siteGetVerb struct {
	siteTarget
	said
	Timeout time.Duration `default:"30s" noenv:"" help:"How long the whole command may take."`
}

// Help implements kong.HelpProvider.
func (siteGetVerb) Help() string {
	return `Prints site.json as it was put. Where none was, it prints what is built in: something to begin with. With -o json it is one line, with its ETag and version beside it.

Examples:

  ops site get > site.json

  ops site get -o json | jq .site.texts.fa.title`
}

// Run prints the site.json of now.
func (v *siteGetVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, v.Timeout, func(ctx context.Context, site *control.Site) error {
		now, err := site.Current(ctx)
		if err != nil {
			return err
		}
		p.noteBucket(site, now)
		if v.Output == "json" {
			return siteLine(p.stdout, now)
		}
		if now.Found {
			p.note("site.json of %s, etag %s%s", plain(now.Modified), printable(now.ETag), version(now.Version))
		} else {
			p.note("no site.json was put yet: this is what is built in, and shown")
		}
		_, err = p.stdout.Write(now.Text)
		return err
	})
}

// noteBucket says that there is no bucket: the name may be wrong, and the next to put something makes it.
func (p *process) noteBucket(site *control.Site, now control.SiteVersion) {
	if now.NoBucket {
		p.note("S3_BUCKET: there is no bucket %s yet; `ops site put` and `ops site media put` make it", site.Bucket())
	}
}

// siteLine writes one line. A site.json that is none, put by another tool, is a text in it.
func siteLine(w io.Writer, now control.SiteVersion) error {
	s := sheet{columns: []string{"found", "version", "etag", "modified", "site"}}
	var content any = string(now.Text)
	if json.Valid(now.Text) {
		content = json.RawMessage(now.Text)
	}
	if !now.Found {
		s.add(false, nil, nil, nil, content)
		return s.json(w)
	}
	s.add(true, blank(now.Version), now.ETag, now.Modified, content)
	return s.json(w)
}

func version(id string) string {
	if id == "" {
		return ""
	}
	return ", version " + id
}

type sitePutVerb struct {
	siteTarget
	said
	Timeout time.Duration `default:"30s" noenv:"" help:"How long the whole command may take."`
	DryRun  bool          `noenv:"" help:"Show the difference, and change nothing."`
	Etag    *string       `noenv:"" placeholder:"ETAG" help:"Change nothing if the site.json in the bucket is not the one of this ETag; null when none was put yet."`
	File    string        `arg:"" help:"The new site.json; - reads it from stdin."`
}

// Help implements kong.HelpProvider.
func (sitePutVerb) Help() string {
	return `Checks the file as the page will, looks whether its images are in the bucket, shows what it changes, and puts it. Edges show it within a minute. Look at --dry-run first: it shows the difference, and changes nothing. The bucket is made when it is missing, and keeps the earlier ones where the server can: aws s3api list-object-versions --bucket landing-media --prefix site.json names them.

Two owners: put compares with the site.json that it read a moment ago, so what somebody else changed since your "ops site get" is overwritten. With --etag, the ETag that "ops site get" and "put" print, it changes nothing unless that one is still there.

Examples:

  ops site put --dry-run site.json

  ops site put site.json

  ops site get -o json > before.json
  ops site put --etag "$(jq -r .etag before.json)" site.json

  ops site get | sed 's/Call me/Call me back/' | ops site put -`
}

// Run shows what a site.json changes, and puts it.
func (v *sitePutVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, v.Timeout, func(ctx context.Context, site *control.Site) error {
		text, err := readSite(p, v.File)
		if err != nil {
			return err
		}
		draft, err := v.draft(ctx, p, site, text)
		if err != nil {
			return err
		}
		if v.Output != "json" {
			fmt.Fprint(p.stdout, printableLines(draft.Diff))
		}
		if v.DryRun || draft.Diff == "" {
			return v.left(p, draft)
		}
		var done control.SitePut
		err = v.record(ctx, p, "site put", func(ctx context.Context) (detail map[string]any, err error) {
			done, err = site.Put(ctx, draft)
			return map[string]any{"bucket": site.Bucket(), "etag": done.ETag, "version": done.Version}, err
		})
		if err != nil {
			return err
		}
		p.notes(done.Notes)
		if v.Output == "json" {
			return putSheet(draft, true, done).json(p.stdout)
		}
		p.say("site.json is put%s; edges show it within a minute", version(done.Version))
		p.note("etag %s", printable(done.ETag))
		return nil
	})
}

// draft compares a text with the site.json of now, which must be the one that was asked for, and says what to look at twice.
func (v *sitePutVerb) draft(ctx context.Context, p *process, site *control.Site, text []byte) (control.SiteDraft, error) {
	if v.Etag != nil && *v.Etag == "" {
		return control.SiteDraft{}, flags.Usagef("--etag is empty: give the one that `ops site get -o json` prints")
	}
	draft, err := site.Draft(ctx, text)
	if err == nil && v.Etag != nil {
		err = draft.Follows(*v.Etag)
	}
	if err != nil {
		return draft, err
	}
	p.notes(draft.Borrowed)
	if v.DryRun {
		p.noteBucket(site, draft.Before)
	}
	return draft, nil
}

// notes tells people what an answer does not say, a line each.
func (p *process) notes(all []string) {
	for _, note := range all {
		p.note("note: %s", printable(oneLine(note)))
	}
}

// left says why nothing was changed.
func (v *sitePutVerb) left(p *process, draft control.SiteDraft) error {
	if v.Output == "json" {
		return putSheet(draft, false, control.SitePut{ETag: draft.Before.ETag, Version: draft.Before.Version}).json(p.stdout)
	}
	if draft.Diff == "" {
		p.say("no difference; nothing was changed")
		return nil
	}
	p.say("dry run; nothing was changed")
	return nil
}

func putSheet(draft control.SiteDraft, changed bool, done control.SitePut) sheet {
	s := sheet{columns: []string{"changed", "version", "etag", "diff"}}
	s.add(changed, blank(done.Version), blank(done.ETag), draft.Diff)
	return s
}

// readSite reads a file, or stdin, as far as a site.json may go and one byte further.
func readSite(p *process, path string) ([]byte, error) {
	from := p.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, flags.UsageError{Err: err}
		}
		defer file.Close() //nolint:errcheck // it was only read from
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, media.MaxSite+1))
	if err != nil {
		return nil, flags.Usagef("read %s: %w", path, err)
	}
	return text, nil
}

// printableLines makes a text of several lines harmless for a terminal. The joiners that Persian is written with stay as they are.
func printableLines(text string) string {
	const nonJoiner, joiner = '\u200c', '\u200d'
	var shown strings.Builder
	for _, r := range text {
		if r == '\n' || r == nonJoiner || r == joiner || !hidden(r) {
			shown.WriteRune(r)
			continue
		}
		shown.WriteString(strings.Trim(strconv.QuoteRuneToGraphic(r), "'"))
	}
	return shown.String()
}
