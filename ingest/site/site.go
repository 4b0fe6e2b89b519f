// Package site is what a landing page says, as data: titles, texts and the call to action in each language, the hero image, the
// consent text, where to go after the thanks, and the variants of an A/B test. Owners keep it in site.json, in the media bucket;
// schemas/site.v1.json describes it.
//
// The package is pure: it reads bytes, and knows neither where they come from nor how a page is made of them.
package site

// Site is one site.json. What Parse returns is whole and within its limits; whoever holds it must not change it.
type Site struct {
	// Texts are by language, "fa" and "en". What one lacks the other has; what both lack is built in.
	Texts    map[string]Texts `json:"texts,omitempty"`
	Hero     *Hero            `json:"hero,omitempty"`
	Consent  *Consent         `json:"consent,omitempty"`
	Thanks   string           `json:"thanks,omitempty"` // where to go after a form's post: a path of this site, or an https address
	Variants []Variant        `json:"variants,omitempty"`
}

// Texts are the words of one language that owners may change.
type Texts struct {
	Title        string `json:"title,omitempty"`
	Intro        string `json:"intro,omitempty"`
	Label        string `json:"label,omitempty"`
	Hint         string `json:"hint,omitempty"`
	CallToAction string `json:"call_to_action,omitempty"`
	ThanksTitle  string `json:"thanks_title,omitempty"`
	ThanksText   string `json:"thanks_text,omitempty"`
}

// Hero is the large image above the form.
type Hero struct {
	Src    string            `json:"src"` // of this site: /media/NAME
	Width  int               `json:"width,omitempty"`
	Height int               `json:"height,omitempty"`
	Alt    map[string]string `json:"alt,omitempty"` // by language; none for an image that is only decoration
}

// Consent is what visitors agree to by sending the form.
type Consent struct {
	Version string            `json:"version"` // recorded in every event
	Text    map[string]string `json:"text"`    // by language
}

// Variant is one page of an A/B test: what it names replaces what the site says. Its texts hold nothing of the thanks, since
// the page that thanks is the same for all.
type Variant struct {
	Name  string           `json:"name"`
	Share int              `json:"share"` // of all visitors, in relation to the other variants' shares
	Texts map[string]Texts `json:"texts,omitempty"`
	Hero  *Hero            `json:"hero,omitempty"`
}

// Variant returns the variant of a name, or nil.
func (s *Site) Variant(name string) *Variant {
	for i := range s.Variants {
		if s.Variants[i].Name == name {
			return &s.Variants[i]
		}
	}
	return nil
}

// HeroOf returns the image of a variant (nil for a site without), or nil where there is none.
func (s *Site) HeroOf(v *Variant) *Hero {
	if v != nil && v.Hero != nil {
		return v.Hero
	}
	return s.Hero
}
