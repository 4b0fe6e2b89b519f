package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"leadlog/ingest/media"
	"leadlog/ops/control"
	"leadlog/ops/flags"
)

type siteMediaVerbs struct {
	Put mediaPutVerb `cmd:"" help:"Put images and videos into the bucket."`
}

type mediaPutVerb struct {
	siteTarget
	said
	Timeout time.Duration `default:"10m" noenv:"" help:"How long the whole command may take."`
	Files   []string      `arg:"" name:"file" help:"png, jpg, webp, avif, gif, svg, mp4 or webm, up to 100 MB each."`
}

// Help implements kong.HelpProvider.
func (mediaPutVerb) Help() string {
	return `Puts each file under its own name and a part of its SHA-256, so that browsers may keep it for ever, and prints its address on the page. What is there already is not sent again. For an image it also prints what to write into site.json.

Examples:

  ops site media put hero.webp

  ops site media put *.jpg film.mp4 -o json`
}

// Run puts the files, one after the other. All are looked at before the first is sent.
func (v *mediaPutVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, v.Timeout, func(ctx context.Context, site *control.Site) error {
		inspected := make([]control.MediaFile, len(v.Files))
		for i, path := range v.Files {
			var err error
			if inspected[i], err = inspect(path); err != nil {
				return err
			}
		}
		for i, path := range v.Files {
			if err := v.put(ctx, p, site, path, inspected[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func inspect(path string) (control.MediaFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return control.MediaFile{}, flags.UsageError{Err: err}
	}
	defer file.Close() //nolint:errcheck // it was only read from
	return control.InspectMedia(filepath.Base(path), file)
}

func (v *mediaPutVerb) put(ctx context.Context, p *process, site *control.Site, path string, f control.MediaFile) error {
	file, err := os.Open(path)
	if err != nil {
		return flags.UsageError{Err: err}
	}
	defer file.Close() //nolint:errcheck // it was only read from
	var done control.MediaPut
	err = v.record(ctx, p, "site media put", func(ctx context.Context) (detail map[string]any, err error) {
		done, err = site.PutMedia(ctx, f, file, p.uploading(printable(filepath.Base(path)), f.Size))
		return map[string]any{"bucket": site.Bucket(), "key": f.Key, "sent": done.Sent}, err
	})
	if err != nil {
		return err
	}
	p.notes(done.Notes)
	address := media.Path + f.Key
	if v.Output == "json" {
		s := sheet{columns: []string{"src", "type", "bytes", "width", "height", "sent"}}
		s.add(address, f.Type, f.Size, size(f.Width), size(f.Height), done.Sent)
		return s.json(p.stdout)
	}
	if !done.Sent {
		p.note("%s is there already", printable(filepath.Base(path)))
	}
	p.say("%s", address)
	if hero := heroOf(address, f); hero != "" {
		p.note("for site.json: %s", hero)
	}
	return nil
}

// size is a cell for a width or height, which may not be known.
func size(pixels int) any {
	if pixels == 0 {
		return nil
	}
	return pixels
}

// heroOf is what to write into a site.json to show an image; nothing for a video.
func heroOf(address string, f control.MediaFile) string {
	if !strings.HasPrefix(f.Type, "image/") {
		return ""
	}
	hero := struct {
		Src    string `json:"src"`
		Width  int    `json:"width,omitempty"`
		Height int    `json:"height,omitempty"`
	}{address, f.Width, f.Height}
	text, err := json.Marshal(hero)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`"hero": %s`, text)
}

// uploading returns what tells about a file on its way: once a second, and not at all when it takes less.
func (p *process) uploading(name string, all int64) func(sent int64) {
	began := time.Now()
	told := began
	return func(sent int64) {
		now := time.Now()
		if now.Sub(told) < time.Second {
			return
		}
		told = now
		took := now.Sub(began)
		left := time.Duration(float64(took) * float64(all-sent) / float64(max(sent, 1)))
		const mb = 1e6
		p.note("%s: %.1f of %.1f MB, %.1f MB a second, %s left", name, float64(sent)/mb, float64(all)/mb, float64(sent)/mb/took.Seconds(), span(left))
	}
}
