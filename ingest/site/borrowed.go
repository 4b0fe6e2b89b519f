package site

import "fmt"

// member is one of Texts, by its name in site.json.
type member struct {
	name string
	pick func(Texts) string
}

func members() []member {
	return []member{
		{"title", func(t Texts) string { return t.Title }},
		{"intro", func(t Texts) string { return t.Intro }},
		{"label", func(t Texts) string { return t.Label }},
		{"hint", func(t Texts) string { return t.Hint }},
		{"call_to_action", func(t Texts) string { return t.CallToAction }},
		{"thanks_title", func(t Texts) string { return t.ThanksTitle }},
		{"thanks_text", func(t Texts) string { return t.ThanksText }},
	}
}

// Borrowed tells, a line each, which texts one language takes from the other, so that its page is of both. That is allowed,
// but seldom meant. Texts that neither has are built in, and are not told.
func (s *Site) Borrowed() []string {
	var lines []string
	for _, lang := range Languages() {
		note := func(place string) {
			lines = append(lines, fmt.Sprintf("%s is missing: the %s page shows the %s one", place, english(lang), english(other(lang))))
		}
		alt := func(place string, h *Hero) {
			if h != nil && borrows(lang, h.Alt) {
				note(place + ".alt." + lang)
			}
		}
		for _, m := range members() {
			if s.Text(lang, nil, m.pick).Lang != lang {
				note("texts." + lang + "." + m.name)
			}
		}
		alt("hero", s.Hero)
		if s.Consent != nil && borrows(lang, s.Consent.Text) {
			note("consent.text." + lang)
		}
		for i, v := range s.Variants {
			place := fmt.Sprintf("variants[%d]", i)
			for _, m := range members() {
				// A variant that names nothing shows what the site borrows, which is told already.
				if m.pick(v.Texts[other(lang)]) != "" && s.Text(lang, &v, m.pick).Lang != lang {
					note(place + ".texts." + lang + "." + m.name)
				}
			}
			alt(place+".hero", v.Hero)
		}
	}
	return lines
}

func borrows(lang string, texts map[string]string) bool { return In(lang, texts).Lang != lang }

func english(lang string) string {
	if lang == English {
		return "English"
	}
	return "Persian"
}
