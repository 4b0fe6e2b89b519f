package page

import "leadlog/ingest/site"

// Content is the page with the form as data, for those who draw a page of their own: GET / with Accept: application/json.
// Every text is in the language that was asked for, where the site has it.
type Content struct {
	Lang      string            `json:"lang"`
	Dir       string            `json:"dir"`
	Texts     site.Texts        `json:"texts"`
	Hero      *ContentHero      `json:"hero,omitempty"`
	Consent   *ContentConsent   `json:"consent,omitempty"`
	Variants  []ContentVariant  `json:"variants"` // none for a page that is the same for everybody
	Submit    string            `json:"submit"`   // where to post to
	Thanks    string            `json:"thanks"`   // where a visitor goes then
	Messages  map[string]string `json:"messages"` // for people, by problem code; "failed" for every other one
	Languages []ContentLanguage `json:"languages"`
}

// ContentHero is the image.
type ContentHero struct {
	Src    string `json:"src"`
	Alt    string `json:"alt"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
}

// ContentConsent is what a visitor agrees to, and the version to post as "consent".
type ContentConsent struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

// ContentVariant is one page of an A/B test, whole; its name is to be posted as "variant".
type ContentVariant struct {
	Name  string       `json:"name"`
	Share int          `json:"share"`
	Texts site.Texts   `json:"texts"`
	Hero  *ContentHero `json:"hero,omitempty"`
}

// ContentLanguage is one language that the page is there in.
type ContentLanguage struct {
	Lang string `json:"lang"`
	Name string `json:"name"`
	Href string `json:"href"`
}

// ThanksContent is the page that thanks, as data.
type ThanksContent struct {
	Lang  string `json:"lang"`
	Dir   string `json:"dir"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Home  string `json:"home"`
}

func newContent(s *site.Site, v formView) Content {
	c := Content{
		Lang: v.Lang, Dir: v.Words.Dir, Texts: v.texts(), Hero: v.Hero.content(), Variants: []ContentVariant{},
		Submit: SubmitPath, Thanks: v.Target, Messages: v.Words.Messages,
		Languages: []ContentLanguage{
			{Lang: v.Lang, Name: v.Words.Name, Href: Localized(IndexPath, v.Lang)},
			{Lang: v.Other.Lang, Name: v.Other.Name, Href: v.Other.Home},
		},
	}
	c.Texts.ThanksTitle = s.Text(v.Lang, nil, func(t site.Texts) string { return t.ThanksTitle }).Value
	c.Texts.ThanksText = s.Text(v.Lang, nil, func(t site.Texts) string { return t.ThanksText }).Value
	if v.Consent != nil {
		c.Consent = &ContentConsent{Version: v.Consent.Version, Text: v.Consent.Text.Value}
	}
	if v.Shown != nil {
		for _, each := range append([]variant{*v.Shown}, v.Templates...) {
			c.Variants = append(c.Variants, ContentVariant{
				Name: each.Name, Share: each.Share, Texts: each.texts(), Hero: each.Hero.content(),
			})
		}
	}
	return c
}

func (p pitch) texts() site.Texts {
	return site.Texts{
		Title: p.Title.Value, Intro: p.Intro.Value, Label: p.Label.Value, Hint: p.Hint.Value, CallToAction: p.Button.Value,
	}
}

func (h hero) content() *ContentHero {
	if h.Src == "" {
		return nil
	}
	return &ContentHero{Src: h.Src, Alt: h.Alt.Value, Width: h.Width, Height: h.Height}
}

func newThanksContent(v thanksView) ThanksContent {
	return ThanksContent{Lang: v.Lang, Dir: v.Words.Dir, Title: v.Title.Value, Text: v.Text.Value, Home: v.Home}
}
