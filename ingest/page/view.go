package page

import (
	"html/template"

	"leadlog/ingest/site"
)

// phrase is a text in a page. Lang and Dir are set when it is not in the page's language.
type phrase struct{ Value, Lang, Dir string }

// hero is the image; without a Src there is none.
type hero struct {
	Src           string
	Width, Height int
	Alt           phrase
}

// pitch is what variants differ in.
type pitch struct {
	Hero                              hero
	Title, Intro, Label, Hint, Button phrase
}

// variant is one of an A/B test.
type variant struct {
	Name  string
	Share int
	pitch
}

type consent struct {
	Version string
	Text    phrase
}

// link leads to the same page in the other language.
type link struct{ Home, Lang, Dir, Name string }

// head is what every page has.
type head struct {
	Lang  string
	Words words
	Style template.CSS
	Tab   string // the title of the browser's tab
	About string // what a search or a shared link shows beside the title; empty for pages that nobody shares
	Other link
}

// formView is what the template sees of the page with the form.
type formView struct {
	head
	pitch
	Form      Form
	Action    string // where the form is posted to
	Target    string // where a visitor goes then
	Message   string // why the form is shown again
	Consent   *consent
	Shown     *variant  // nil for a site without variants
	Templates []variant // the others, for the script
	Hidden    []Hidden
	Script    template.JS
}

// thanksView is what the template sees of the page that thanks.
type thanksView struct {
	head
	Title, Text phrase
	Home        string
}

func (p *Pages) head(lang, tab, path string) head {
	other := site.Persian
	if lang == other {
		other = site.English
	}
	return head{
		Lang: lang, Words: p.words[lang], Tab: tab,
		Style: template.CSS(p.style.text), //nolint:gosec // embedded, and not from outside
		Other: link{Home: Localized(path, other), Lang: other, Dir: dirOf(other), Name: p.words[other].Name},
	}
}

// formView shows the variant that the form names, or else the first one.
func (p *Pages) formView(s *site.Site, form Form) formView {
	v := formView{
		Form: form, Action: Localized(SubmitPath, form.Lang), Target: form.Target,
		Script: template.JS(p.script.text), //nolint:gosec // embedded, and not from outside
		Hidden: hiddenOf(s, form),
	}
	shown := s.Variant(form.Variant)
	if shown == nil && len(s.Variants) > 0 {
		shown = &s.Variants[0]
	}
	if shown != nil {
		chosen := newVariant(s, form.Lang, shown)
		v.Shown = &chosen
	}
	v.pitch = newPitch(s, form.Lang, shown)
	v.head = p.head(form.Lang, v.Title.Value, IndexPath)
	v.About = v.Intro.Value
	if s.Consent != nil {
		v.Consent = &consent{Version: s.Consent.Version, Text: phraseOf(site.In(form.Lang, s.Consent.Text), form.Lang)}
	}
	return v
}

func (p *Pages) thanksView(s *site.Site, lang string) thanksView {
	title := s.Text(lang, nil, func(t site.Texts) string { return t.ThanksTitle })
	text := s.Text(lang, nil, func(t site.Texts) string { return t.ThanksText })
	return thanksView{
		head:  p.head(lang, title.Value, ThanksPath),
		Title: phraseOf(title, lang), Text: phraseOf(text, lang), Home: Localized(IndexPath, lang),
	}
}

func newVariant(s *site.Site, lang string, v *site.Variant) variant {
	return variant{Name: v.Name, Share: v.Share, pitch: newPitch(s, lang, v)}
}

func newPitch(s *site.Site, lang string, v *site.Variant) pitch {
	text := func(pick func(site.Texts) string) phrase { return phraseOf(s.Text(lang, v, pick), lang) }
	p := pitch{
		Title:  text(func(t site.Texts) string { return t.Title }),
		Intro:  text(func(t site.Texts) string { return t.Intro }),
		Label:  text(func(t site.Texts) string { return t.Label }),
		Hint:   text(func(t site.Texts) string { return t.Hint }),
		Button: text(func(t site.Texts) string { return t.CallToAction }),
	}
	if h := s.HeroOf(v); h != nil {
		p.Hero = hero{Src: h.Src, Width: h.Width, Height: h.Height, Alt: phraseOf(site.In(lang, h.Alt), lang)}
	}
	return p
}

// phraseOf says so where a text is not in its page's language: screen readers pronounce it by that, and punctuation of
// the other direction finds its place.
func phraseOf(t site.Text, lang string) phrase {
	if t.Lang == lang || t.Value == "" {
		return phrase{Value: t.Value}
	}
	return phrase{Value: t.Value, Lang: t.Lang, Dir: dirOf(t.Lang)}
}

func dirOf(lang string) string {
	if lang == site.Persian {
		return "rtl"
	}
	return "ltr"
}
