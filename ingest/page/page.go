// Package page is the landing page with the form, and the page that thanks, as a site.json wants them. It works without
// JavaScript: the form is posted to /api/submit, which answers 303 to the thanks, or shows the form again with what was typed
// and what is wrong with it. With JavaScript the same happens in place.
//
// Both pages are the same bytes for everybody, so that every cache may keep them: they hold no token and nothing of the
// visitor. Everything is rendered, hashed and compressed when a site is shown, and then only written. Persian, from right to
// left, is the default; ?lang=en is English.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"sync/atomic"

	"leadlog/ingest/site"
)

//go:embed page.html
var source string

// Paths of the pages and of the form's target.
const (
	IndexPath  = "/"
	ThanksPath = "/thanks"
	SubmitPath = "/api/submit"
)

// Pages serves the pages. All of its methods may be called at once.
type Pages struct {
	template *template.Template
	words    map[string]words
	style    asset
	script   asset

	shown atomic.Pointer[edition] // never nil
}

// New returns the pages of the built-in site.
func New() (*Pages, error) {
	t, err := template.New("page").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("page template: %w", err)
	}
	p := &Pages{template: t, style: newAsset(styleSource), script: newAsset(scriptSource)}
	if p.words, err = loadWords(); err != nil {
		return nil, err
	}
	if err := p.Show(site.Default()); err != nil {
		return nil, err
	}
	return p, nil
}

// Show renders the pages of a site, and then serves those. After an error the pages are what they were. The site must not
// change any more.
func (p *Pages) Show(s *site.Site) error {
	next, err := p.edit(s)
	if err != nil {
		return err
	}
	p.shown.Store(next)
	return nil
}

// Index serves the page with the form: HTML for browsers, JSON (a Content) for API clients.
func (p *Pages) Index(w http.ResponseWriter, r *http.Request) {
	p.shown.Load().index[Lang(r)].serve(w, r)
}

// Thanks serves the page that thanks: HTML, or JSON (a ThanksContent).
func (p *Pages) Thanks(w http.ResponseWriter, r *http.Request) {
	p.shown.Load().thanks[Lang(r)].serve(w, r)
}

// AfterPost returns where a visitor goes after the form: where the site says, or to the page that thanks.
func (p *Pages) AfterPost(lang string) string { return afterPost(p.shown.Load().site, lang) }

func afterPost(s *site.Site, lang string) string {
	if s.Thanks == "" || s.Thanks == ThanksPath {
		return Localized(ThanksPath, lang)
	}
	return s.Thanks
}
