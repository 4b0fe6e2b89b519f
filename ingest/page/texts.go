package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
)

// DefaultLang is the language of a page whose address names none.
const DefaultLang = "fa"

//go:embed texts.json
var textsSource []byte

// texts are all words of one language.
type texts struct {
	Dir         string `json:"dir"`
	Title       string `json:"title"`
	Intro       string `json:"intro"`
	Label       string `json:"label"`
	Hint        string `json:"hint"`
	Button      string `json:"button"`
	ThanksTitle string `json:"thanks_title"`
	ThanksText  string `json:"thanks_text"`
	Back        string `json:"back"`

	Messages map[string]string `json:"messages"` // by problem code
	Failed   string            `json:"failed"`   // for any other code
}

func (t texts) message(code string) string {
	if message, ok := t.Messages[code]; ok {
		return message
	}
	return t.Failed
}

func loadTexts() (map[string]texts, error) {
	var languages map[string]texts
	if err := json.Unmarshal(textsSource, &languages); err != nil {
		return nil, fmt.Errorf("texts.json: %w", err)
	}
	return languages, nil
}

// Lang returns the language that a request's address names, if there is such a page, or the default.
func (p *Pages) Lang(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return DefaultLang
	}
	lang := r.URL.Query().Get("lang")
	if _, known := p.languages[lang]; known {
		return lang
	}
	return DefaultLang
}

// Localized returns a path of ours in a language.
func Localized(path, lang string) string {
	if lang == DefaultLang {
		return path
	}
	return path + "?lang=" + lang
}
