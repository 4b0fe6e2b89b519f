package page

import (
	"net/http"

	"leadlog/ingest/problem"
	"leadlog/ingest/site"
)

// problemView is what the template sees of a page for people who got lost. It speaks both languages: an address that does
// not exist seldom says which one is meant.
type problemView struct {
	head
	Home     string
	Also     phrase
	AlsoHome string
	AlsoGo   string
}

// Problem answers every request with a problem: a small page with the way home for browsers, and problem+json for everybody
// else.
func (p *Pages) Problem(what problem.Problem) http.Handler {
	policy := p.policy(false, "")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if !WantsHTML(r) {
			what.Write(w)
			return
		}
		what.Headers(w.Header())
		p.write(w, what.Status, "problem", p.problemView(Lang(r), what.Code), policy)
	})
}

func (p *Pages) problemView(lang, code string) problemView {
	v := problemView{head: p.head(lang, p.words[lang].message(code), IndexPath), Home: Localized(IndexPath, lang)}
	also := p.words[v.Other.Lang]
	v.Also = phraseOf(site.Text{Lang: v.Other.Lang, Value: also.message(code)}, lang)
	v.AlsoHome, v.AlsoGo = v.Other.Home, also.Home
	return v
}
