// Package page is the landing page with the form, and the page that thanks. It works without JavaScript: the form is posted
// to /api/submit, which answers 303 to /thanks, or shows the form again with what was typed and what is wrong with it.
//
// Both pages are the same bytes for everybody, so that every cache may keep them: they hold no token and nothing of the
// visitor. Persian, from right to left, is the default; ?lang=en is English.
package page

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page.html
var source string

// Paths of the pages and of the form's target.
const (
	IndexPath  = "/"
	ThanksPath = "/thanks"
	SubmitPath = "/api/submit"
)

// Pages serves the pages. Everything but the form shown again is rendered once, by New.
type Pages struct {
	template  *template.Template
	languages map[string]texts
	index     map[string]rendered
	thanks    map[string]rendered
}

// rendered is one page in the two ways it is served.
type rendered struct{ html, json []byte }

// Form is the form as it is shown again.
type Form struct {
	// Lang is the language of the page that was posted from, as Pages.Lang returns it.
	Lang string
	// Phone is what was typed.
	Phone string
	// Code is the problem's code. One without a message of its own gets a general one.
	Code string
	// AboutPhone says that the field is what is wrong, and not something that a second try might mend.
	AboutPhone bool
	// Hidden are the fields that the first post carried, or that its page's address did: the second has another Referer.
	Hidden []Hidden
}

// Hidden is a hidden field of the form.
type Hidden struct{ Name, Value string }

// view is what the template sees.
type view struct {
	texts
	Form
	Action  string // where the form is posted to
	Home    string // where the way back leads
	Message string
	Thanks  bool
}

// New renders the pages.
func New() (*Pages, error) {
	t, err := template.New("page").Parse(source)
	if err != nil {
		return nil, fmt.Errorf("page template: %w", err)
	}
	languages, err := loadTexts()
	if err != nil {
		return nil, err
	}
	p := &Pages{template: t, languages: languages, index: make(map[string]rendered), thanks: make(map[string]rendered)}
	for lang := range languages {
		if p.index[lang], err = p.prepare(lang, false); err != nil {
			return nil, err
		}
		if p.thanks[lang], err = p.prepare(lang, true); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Pages) prepare(lang string, thanks bool) (rendered, error) {
	v := view{
		texts: p.languages[lang], Form: Form{Lang: lang}, Thanks: thanks,
		Action: Localized(SubmitPath, lang), Home: Localized(IndexPath, lang),
	}
	var html bytes.Buffer
	if err := p.template.Execute(&html, v); err != nil {
		return rendered{}, fmt.Errorf("render page: %w", err)
	}
	content := map[string]string{"lang": lang, "title": v.Title}
	if thanks {
		content["title"] = v.ThanksTitle
	} else {
		content["submit"] = SubmitPath
		content["label"] = v.Label
	}
	data, err := json.Marshal(content)
	if err != nil {
		return rendered{}, fmt.Errorf("render page: %w", err)
	}
	return rendered{html: html.Bytes(), json: data}, nil
}

// Index serves the page with the form: HTML for browsers, JSON for API clients.
func (p *Pages) Index(w http.ResponseWriter, r *http.Request) { serve(w, r, p.index[p.Lang(r)]) }

// Thanks serves the page that thanks.
func (p *Pages) Thanks(w http.ResponseWriter, r *http.Request) { serve(w, r, p.thanks[p.Lang(r)]) }

func serve(w http.ResponseWriter, r *http.Request, page rendered) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Vary", "Accept")
	body, contentType := page.html, "text/html; charset=utf-8"
	if WantsJSON(r) {
		body, contentType = page.json, "application/json"
	} else {
		protect(h)
	}
	h.Set("Content-Type", contentType)
	_, _ = w.Write(body) // the client hung up: nobody is left to tell
}

// ShowAgain renders the form with what was typed, and why it is shown again.
func (p *Pages) ShowAgain(w http.ResponseWriter, status int, form Form) {
	texts := p.languages[form.Lang]
	v := view{texts: texts, Form: form, Action: Localized(SubmitPath, form.Lang), Message: texts.message(form.Code)}
	var html bytes.Buffer
	if err := p.template.Execute(&html, v); err != nil {
		http.Error(w, http.StatusText(status), status) // New has rendered this template before
		return
	}
	h := w.Header()
	protect(h)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(html.Bytes())
}

// protect sets what every HTML page needs. The referrer policy must let the form's own post carry the page's address: that
// is where the campaign is read from.
func protect(h http.Header) {
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
	h.Set("Referrer-Policy", "same-origin")
}

// WantsJSON says whether a client would rather have JSON than HTML.
func WantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}
