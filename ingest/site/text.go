package site

// The languages of a page. An address that names none gets the default.
const (
	Persian = "fa"
	English = "en"

	DefaultLang = Persian
)

// Languages returns the languages of every page, the default first.
func Languages() []string { return []string{Persian, English} }

// Text is a text with the language that it is in: not always that of its page, and then screen readers have to be told.
type Text struct{ Lang, Value string }

// Text returns the text that pick picks, for a page in lang that shows v (nil for a site without variants). It is the first
// of these that is not empty:
//
//	the variant's, then the site's, in lang
//	the variant's, then the site's, in the other language
//	the built-in one in lang
//
// So the page's language goes before the variant: a variant that lacks a language shows what the site says in it, and not
// half a page that its readers can't read.
func (s *Site) Text(lang string, v *Variant, pick func(Texts) string) Text {
	for _, l := range []string{lang, other(lang)} {
		if v != nil && pick(v.Texts[l]) != "" {
			return Text{l, pick(v.Texts[l])}
		}
		if pick(s.Texts[l]) != "" {
			return Text{l, pick(s.Texts[l])}
		}
	}
	return Text{lang, pick(builtIn(lang))}
}

// In returns the text of a language, or else of the other one. It is empty where there is neither.
func In(lang string, texts map[string]string) Text {
	if texts[lang] == "" && texts[other(lang)] != "" {
		return Text{other(lang), texts[other(lang)]}
	}
	return Text{lang, texts[lang]}
}

func other(lang string) string {
	if lang == Persian {
		return English
	}
	return Persian
}

// Default is the site of an edge that was given none.
func Default() *Site {
	return &Site{Texts: map[string]Texts{Persian: builtIn(Persian), English: builtIn(English)}}
}

// builtIn are the words that every page has when its owner gives none.
func builtIn(lang string) Texts {
	if lang == English {
		return Texts{
			Title:        "We call you back",
			Intro:        "Leave your number and we will call you.",
			Label:        "Phone number",
			Hint:         "For example 09121234567 or +989121234567",
			CallToAction: "Send",
			ThanksTitle:  "Thank you",
			ThanksText:   "We have your number and will call you soon.",
		}
	}
	return Texts{
		Title:        "با شما تماس می\u200cگیریم",
		Intro:        "شماره\u200cتان را بگذارید تا با شما تماس بگیریم.",
		Label:        "شمارهٔ تلفن",
		Hint:         "نمونه: \u206609121234567\u2069 یا \u2066+989121234567\u2069",
		CallToAction: "ارسال",
		ThanksTitle:  "سپاسگزاریم",
		ThanksText:   "شمارهٔ شما رسید. به\u200cزودی با شما تماس می\u200cگیریم.",
	}
}
