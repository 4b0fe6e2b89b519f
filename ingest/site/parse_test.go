package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"leadlog/schemas"
)

// whole uses every member that there is.
const whole = `{
  "$schema": "site.v1.json",
  "texts": {
    "fa": {"title": "عنوان", "intro": "i", "label": "l", "hint": "\u2066h\u2069", "call_to_action": "c", "thanks_title": "tt", "thanks_text": "tx"},
    "en": {"title": "Title"}
  },
  "hero": {"src": "/media/hero--a.1f2e.webp", "width": 1200, "height": 600, "alt": {"fa": "a", "en": "b"}},
  "consent": {"version": "2026-05", "text": {"fa": "x", "en": "y"}},
  "thanks": "https://shop.example/thanks?a=b",
  "variants": [
    {"name": "a", "share": 1},
    {"name": "b-2", "share": 1000, "texts": {"fa": {"title": "B", "intro": "i", "label": "l", "hint": "h", "call_to_action": "c"}}, "hero": {"src": "/media/b.jpg"}}
  ]
}`

func TestASiteHoldsWhatItsFileSays(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Site{
		Texts: map[string]Texts{
			"fa": {Title: "عنوان", Intro: "i", Label: "l", Hint: "\u2066h\u2069", CallToAction: "c", ThanksTitle: "tt", ThanksText: "tx"},
			"en": {Title: "Title"},
		},
		Hero:    &Hero{Src: "/media/hero--a.1f2e.webp", Width: 1200, Height: 600, Alt: map[string]string{"fa": "a", "en": "b"}},
		Consent: &Consent{Version: "2026-05", Text: map[string]string{"fa": "x", "en": "y"}},
		Thanks:  "https://shop.example/thanks?a=b",
		Variants: []Variant{
			{Name: "a", Share: 1},
			{
				Name: "b-2", Share: 1000, Hero: &Hero{Src: "/media/b.jpg"},
				Texts: map[string]Texts{"fa": {Title: "B", Intro: "i", Label: "l", Hint: "h", CallToAction: "c"}},
			},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatIsBuiltInIsASiteToo(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil || !reflect.DeepEqual(again, Default()) {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := Parse([]byte("{}")); err != nil {
		t.Errorf("everything may be left out: %v", err)
	}
	for _, lang := range Languages() {
		words := reflect.ValueOf(Default().Texts[lang])
		for i := range words.NumField() {
			if words.Field(i).String() == "" {
				t.Errorf("%s has no built-in %s", lang, words.Type().Field(i).Name)
			}
		}
	}
}

// Every error is for the site's owner: where, and what to do.
func TestWhatIsWrongIsToldWithItsPlaceAndTheNextStep(t *testing.T) {
	t.Parallel()
	words := func(members string) string { return `{"texts":{"en":{` + members + `}}}` }
	variants := func(list string) string { return `{"variants":[` + list + `]}` }
	long := func(n int) string { return strings.Repeat("ä", n) }
	for name, c := range map[string]struct{ file, place, step string }{
		"empty":                    {"", "line 1", "JSON"},
		"cut off":                  {"{\n\"texts\": {", "line 2", "JSON"},
		"not UTF-8":                {"{\"thanks\":\"/\xff\"}", "line 1", "UTF-8"},
		"a lone surrogate":         {words(`"title":"\ud800"`), "line 1", "UTF-8"},
		"UTF-16":                   {"\xff\xfe{\x00}\x00", "line 1", "save it as UTF-8"},
		"UTF-16, big-endian":       {"\xfe\xff\x00{\x00}", "line 1", "save it as UTF-8"},
		"UTF-16 after all":         {"{\x00}\x00", "line 1", "UTF-8"},
		"a byte order mark inside": {"{}\ufeff", "line 1", "keep one"},
		"an immense number":        {variants(`{"name":"x","share":1e999999999}`), "variants[0].share", "whole number"},
		"two documents":            {"{}\n{}", "line 1", "keep one"},
		"a name twice":             {"{\"thanks\":\"/a\",\n\"thanks\":\"/b\"}", "line 2", "keep one"},
		"not an object":            {`[]`, "site.json", "this is a list [ … ]: write an object { … }. "},
		"too large":                {`{"thanks":"/` + strings.Repeat("x", MaxBytes) + `"}`, "site.json", "more than 65536 bytes: shorten"},
		"deep":                     {strings.Repeat(`{"a":`, 12000), "line 1", "brackets"},
		"a typo":                   {words(`"titel":"x"`), "texts.en", `no member "titel" here: use call_to_action, hint, intro`},
		"a typo at the top":        {`{"text":{}}`, "site.json", `no member "text"`},
		"another case":             {words(`"Title":"x"`), "texts.en", `no member "Title"`},
		"a terminal trick":         {words(`"\u202etitle":"x"`), "texts.en", `no member "\u202etitle"`},
		"an unknown language":      {`{"texts":{"de":{}}}`, "texts", "use en, fa"},
		"a number for a text":      {words(`"title":1`), "texts.en.title", "write a text in quotes. "},
		"null for a text":          {words(`"title":null`), "texts.en.title", "write a text in quotes. "},
		"NUL":                      {words(`"title":"a\u0000"`), "texts.en.title", "U+0000"},
		"a line break":             {words(`"intro":"a\nb"`), "texts.en.intro", "U+000A"},
		"an empty text":            {words(`"intro":""`), "texts.en.intro", "leave the member out"},
		"an invisible text":        {words(`"label":" \u200c\u00a0"`), "texts.en.label", "leave the member out"},
		"a long title":             {words(`"title":"` + long(201) + `"`), "texts.en.title", "201 characters: use 200"},
		"a long intro":             {words(`"intro":"` + long(2001) + `"`), "texts.en.intro", "use 2000"},
		"consent without text":     {`{"consent":{"version":"1"}}`, "consent", `add the member "text"`},
		"consent in no language":   {`{"consent":{"version":"1","text":{}}}`, "consent.text", "at least one"},
		"consent without version":  {`{"consent":{"text":{"en":"x"}}}`, "consent", `add the member "version"`},
		"a long version":           {`{"consent":{"version":"` + long(257) + `","text":{"en":"x"}}}`, "consent.version", "use 256"},
		"nine variants":            {variants(strings.Repeat(`{"name":"x","share":1},`, 8) + `{"name":"x","share":1}`), "variants", "use 8"},
		"two variants of one name": {variants(`{"name":"x","share":1},{"name":"x","share":1}`), "variants[1].name", "its own"},
		"a variant without share":  {variants(`{"name":"x"}`), "variants[0]", `add the member "share"`},
		"a share of 0":             {variants(`{"name":"x","share":1},{"name":"y","share":0}`), "variants[1].share", "a number of 1 or more. "},
		"a share of 1001":          {variants(`{"name":"x","share":1001}`), "variants[0].share", "up to 1000"},
		"a share of 1e2":           {variants(`{"name":"x","share":1e2}`), "variants[0].share", "whole number"},
		"a share of 1.0":           {variants(`{"name":"x","share":1.0}`), "variants[0].share", "whole number"},
		"a share in quotes":        {variants(`{"name":"x","share":"1"}`), "variants[0].share", "write a whole number. "},
		"a name in capitals":       {variants(`{"name":"X","share":1}`), "variants[0].name", "Small letters"},
		"a variant's own thanks":   {variants(`{"name":"x","share":1,"texts":{"en":{"thanks_title":"x"}}}`), "variants[0].texts.en", `"thanks_title"`},
		"hero of another site":     {`{"hero":{"src":"https://x.example/a.jpg"}}`, "hero.src", "ops site media put"},
		"hero with ..":             {`{"hero":{"src":"/media/../a.jpg"}}`, "hero.src", "ops site media put"},
		"hero with two dots":       {`{"hero":{"src":"/media/a..jpg"}}`, "hero.src", "ops site media put"},
		"hero in a folder":         {`{"hero":{"src":"/media/a/b.jpg"}}`, "hero.src", "ops site media put"},
		"hero with a query":        {`{"hero":{"src":"/media/a.jpg?x"}}`, "hero.src", "ops site media put"},
		"hero without src":         {`{"hero":{}}`, "hero", `add the member "src"`},
		"a width alone":            {`{"hero":{"src":"/media/a.jpg","width":3}}`, "hero", `add the member "height"`},
		"a huge width":             {`{"hero":{"src":"/media/a.jpg","width":10001,"height":1}}`, "hero.width", "up to 10000"},
	} {
		_, err := Parse([]byte(c.file))
		if err == nil {
			t.Errorf("%s was taken", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), c.place) || !strings.Contains(err.Error(), c.step) {
			t.Errorf("%s: %q, want %s … %s", name, err, c.place, c.step)
		}
	}
}

func TestEverythingThatIsWrongIsToldAtOnceButNotForEver(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`{"thanks":1,"hero":{},"variants":[{"name":"x","share":0}]}`))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three mistakes, three lines: %v", err)
	}
	_, err = Parse([]byte(`{"texts":{"fa":{"title":"a\nb","intro":""},"en":{"title":1}},"hero":{}}`))
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("four mistakes, some of them in texts, four lines: %v", err)
	}
	numbers := `{"title":1,"intro":1,"label":1,"hint":1,"call_to_action":1,"thanks_title":1,"thanks_text":1}`
	if _, err = Parse([]byte(`{"texts":{"fa":` + numbers + `,"en":` + numbers + `}}`)); err == nil || !strings.HasSuffix(err.Error(), "and 4 more like these") {
		t.Errorf("%v", err)
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf(`"m%03d":1`, i))
	}
	if _, err = Parse([]byte("{" + strings.Join(many, ",") + "}")); err == nil || len(err.Error()) > 500 {
		t.Errorf("%v", err)
	}
}

// Editors on Windows begin a file with one.
func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte("\ufeff" + `{"thanks":"/a"}`))
	if err != nil || got.Thanks != "/a" {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestTheThanksLeadWhereTheySay(t *testing.T) {
	t.Parallel()
	for thanks, taken := range map[string]bool{
		"/thanks": true, "/offer?a=b#c": true, "https://shop.example": true, "https://shop.example:8443/a": true,
		"http://localhost:8080/x": true, "http://127.0.0.1/": true, "http://[::1]:80/": true, "https://xn--mgba3a4f16a.ir/": true,
		"http://shop.example/": false, "//evil.example": false, `/\\evil.example`: false, `https://shop.example\\@evil.example`: false,
		"https://user@shop.example/": false, "https://:pw@shop.example/": false, "https:///x": false, "https://": false,
		"javascript:alert(1)": false, "data:text/html,x": false, "thanks": false, "https://shop.example;script-src/": false,
		"https://shop.example/a b": false, "https://shöp.example/": false, "http://localhost.evil.example/": false,
		"https://shop.example,evil.example": false, "https://shop%2eexample/": false,
	} {
		_, err := Parse([]byte(`{"thanks":"` + thanks + `"}`))
		if (err == nil) != taken || err != nil && (!strings.HasPrefix(err.Error(), "thanks: ") || !strings.Contains(err.Error(), "/thanks")) {
			t.Errorf("%s: %v", thanks, err)
		}
	}
}

// The example in the README is what owners begin with.
func TestTheExampleInTheReadmeIsASiteWithEveryMember(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(readme), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	s, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"texts": s.Texts, "hero": *s.Hero, "consent": *s.Consent, "variants": s.Variants, "thanks": s.Thanks} {
		if reflect.ValueOf(value).IsZero() {
			t.Errorf("it shows no %s", name)
		}
	}
	if lines := s.Borrowed(); len(lines) > 0 {
		t.Errorf("it shows a page of two languages: %s", lines)
	}
}

func TestTheSchemaIsOneAndItsEveryMemberIsRead(t *testing.T) {
	t.Parallel()
	contract, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.SiteV1))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Validate(contract); err != nil {
		t.Error(err)
	}
	defs := contract.(map[string]any)["$defs"].(map[string]any)
	for def, goes := range map[string]reflect.Type{
		"words": reflect.TypeFor[Texts](), "hero": reflect.TypeFor[Hero](), "consent": reflect.TypeFor[Consent](), "variant": reflect.TypeFor[Variant](),
	} {
		members := defs[def].(map[string]any)["properties"].(map[string]any)
		if len(members) != goes.NumField() {
			t.Errorf("%s: the schema has %d members, the type %d", def, len(members), goes.NumField())
		}
		for i := range goes.NumField() {
			if name, _, _ := strings.Cut(goes.Field(i).Tag.Get("json"), ","); members[name] == nil {
				t.Errorf("%s.%s is not in the schema", def, name)
			}
		}
	}
}
