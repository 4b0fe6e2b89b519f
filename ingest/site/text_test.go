package site

import "testing"

func TestATextThatIsMissingIsTakenFromTheOtherLanguage(t *testing.T) {
	t.Parallel()
	title := func(t Texts) string { return t.Title }
	v := &Variant{Texts: map[string]Texts{"fa": {Title: "variant fa"}}}
	whole := &Variant{Texts: map[string]Texts{"fa": {Title: "variant fa"}, "en": {Title: "variant en"}}}
	both := &Site{Texts: map[string]Texts{"fa": {Title: "site fa"}, "en": {Title: "site en"}}}
	persian := &Site{Texts: map[string]Texts{"fa": {Title: "site fa"}, "en": {Intro: "x"}}}
	for name, c := range map[string]struct {
		site    *Site
		variant *Variant
		lang    string
		want    Text
	}{
		"the site":                          {both, nil, "en", Text{"en", "site en"}},
		"the variant before the site":       {both, whole, "en", Text{"en", "variant en"}},
		"the page's language before that":   {both, v, "en", Text{"en", "site en"}},
		"the other language of the variant": {persian, v, "en", Text{"fa", "variant fa"}},
		"the other language of the site":    {persian, nil, "en", Text{"fa", "site fa"}},
		"the other language before built-in": {
			&Site{Texts: map[string]Texts{"en": {Title: "site en"}}}, &Variant{}, "fa", Text{"en", "site en"},
		},
		"built in": {&Site{}, &Variant{}, "en", Text{"en", "We call you back"}},
	} {
		if got := c.site.Text(c.lang, c.variant, title); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := In("en", map[string]string{"fa": "x"}); got != (Text{"fa", "x"}) {
		t.Errorf("%+v", got)
	}
	if got := In("en", nil); got != (Text{"en", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestAVariantsImageGoesBeforeTheSites(t *testing.T) {
	t.Parallel()
	own, sites := &Hero{Src: "/media/own"}, &Hero{Src: "/media/site"}
	s := &Site{Hero: sites, Variants: []Variant{{Name: "a"}, {Name: "b", Hero: own}}}
	if s.HeroOf(nil) != sites || s.HeroOf(s.Variant("a")) != sites || s.HeroOf(s.Variant("b")) != own || s.Variant("c") != nil {
		t.Error("wrong image")
	}
}
