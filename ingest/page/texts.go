package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed texts.json
var wordsSource []byte

// words are those words of one language that are not the owner's: they speak for the program.
type words struct {
	Dir  string `json:"dir"`
	Name string `json:"name"` // of the language, in itself
	Back string `json:"back"`
	Home string `json:"home"`
	Trap string `json:"trap"` // for people whose browser shows the honeypot after all

	Messages map[string]string `json:"messages"` // by problem code; "network" and "failed" are the script's
}

// message is what a person reads for a problem's code.
func (w words) message(code string) string {
	if message, ok := w.Messages[code]; ok {
		return message
	}
	return w.Messages["failed"]
}

func loadWords() (map[string]words, error) {
	var languages map[string]words
	if err := json.Unmarshal(wordsSource, &languages); err != nil {
		return nil, fmt.Errorf("texts.json: %w", err)
	}
	return languages, nil
}
