package site

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAPageOfTwoLanguagesIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"nothing":           {`{}`, nil},
		"both":              {`{"texts":{"fa":{"label":"x"},"en":{"label":"y"}},"hero":{"src":"/media/a","alt":{"fa":"x","en":"y"}}}`, nil},
		"an image, no text": {`{"hero":{"src":"/media/a"}}`, nil},
		"a label": {
			`{"texts":{"fa":{"label":"x"}}}`, []string{"texts.en.label is missing: the English page shows the Persian one"},
		},
		"both ways": {`{"texts":{"fa":{"label":"x"},"en":{"title":"y"}}}`, []string{
			"texts.fa.title is missing: the Persian page shows the English one",
			"texts.en.label is missing: the English page shows the Persian one",
		}},
		"consent and images": {
			`{"consent":{"version":"1","text":{"fa":"x"}},"hero":{"src":"/media/a","alt":{"fa":"x"}},
			  "variants":[{"name":"a","share":1},{"name":"b","share":1,"hero":{"src":"/media/b","alt":{"fa":"x"}}}]}`,
			[]string{
				"hero.alt.en is missing: the English page shows the Persian one",
				"consent.text.en is missing: the English page shows the Persian one",
				"variants[1].hero.alt.en is missing: the English page shows the Persian one",
			},
		},
		"a variant's title": {
			`{"variants":[{"name":"a","share":1},{"name":"b","share":1,"texts":{"fa":{"title":"x"}}}]}`,
			[]string{"variants[1].texts.en.title is missing: the English page shows the Persian one"},
		},
		"a variant that shows the site's title instead": {
			`{"texts":{"fa":{"title":"x"},"en":{"title":"y"}},"variants":[{"name":"b","share":1,"texts":{"fa":{"title":"z"}}}]}`, nil,
		},
		"a variant of a site that borrows": {
			`{"texts":{"fa":{"title":"x"}},"variants":[{"name":"b","share":1}]}`,
			[]string{"texts.en.title is missing: the English page shows the Persian one"},
		},
	} {
		s, err := Parse([]byte(c.file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := s.Borrowed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if lines := Default().Borrowed(); len(lines) > 0 {
		t.Errorf("what is built in borrows: %s", lines)
	}
}

func TestEveryTextMayBeMissing(t *testing.T) {
	t.Parallel()
	texts := reflect.TypeFor[Texts]()
	if len(members()) != texts.NumField() {
		t.Errorf("%d of %d texts are looked at", len(members()), texts.NumField())
	}
	for i, m := range members() {
		var one Texts
		reflect.ValueOf(&one).Elem().Field(i).SetString("x")
		if name, _, _ := strings.Cut(texts.Field(i).Tag.Get("json"), ","); name != m.name || m.pick(one) != "x" {
			t.Errorf("%s is %s", name, m.name)
		}
	}
}
