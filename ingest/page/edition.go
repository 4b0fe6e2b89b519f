package page

import (
	"bytes"
	"encoding/json"
	"fmt"

	"leadlog/ingest/site"
)

// maxHTML is the largest page, in bytes and uncompressed, with its script and style: it has to open on a bad phone.
const maxHTML = 30_000

// edition is all pages of one site, ready to be written, by language.
type edition struct {
	site   *site.Site
	index  map[string]*page
	thanks map[string]*page
}

// edit renders a site.
func (p *Pages) edit(s *site.Site) (*edition, error) {
	e := &edition{site: s, index: make(map[string]*page), thanks: make(map[string]*page)}
	for _, lang := range site.Languages() {
		form := p.formView(s, Form{Lang: lang, Target: afterPost(s, lang)})
		for _, v := range s.Variants[min(1, len(s.Variants)):] {
			form.Templates = append(form.Templates, newVariant(s, lang, &v))
		}
		var err error
		if e.index[lang], err = p.prepare("form", form, p.policy(true, form.Target), newContent(s, form)); err != nil {
			return nil, err
		}
		thanks := p.thanksView(s, lang)
		if e.thanks[lang], err = p.prepare("thanks", thanks, p.policy(false, ""), newThanksContent(thanks)); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// prepare makes one page of a template's part, and of the same as data.
func (p *Pages) prepare(part string, v any, policy string, content any) (*page, error) {
	var html bytes.Buffer
	if err := p.template.ExecuteTemplate(&html, part, v); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	if html.Len() > maxHTML {
		return nil, fmt.Errorf("the page would have %d bytes, and %d are allowed: shorten the texts, or use fewer variants",
			html.Len(), maxHTML)
	}
	data, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	made := &page{}
	if made.html, err = newDocument("text/html; charset=utf-8", html.Bytes(), "Content-Security-Policy", policy, "Referrer-Policy", referrerPolicy); err != nil {
		return nil, err
	}
	// The data is public, and the same for everybody: pages of every site may read it, and draw it as they like.
	if made.json, err = newDocument("application/json", data, "Access-Control-Allow-Origin", "*", "Cross-Origin-Resource-Policy", "cross-origin"); err != nil {
		return nil, err
	}
	return made, nil
}
