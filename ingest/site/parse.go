package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is more than the schema has.
const maxDepth = 10

// MaxBytes is the largest site.json, in bytes: more than a page may have.
const MaxBytes = 64 << 10

// Parse reads a site.json. An error is for the site's owner: each of its lines names a place, such as variants[1].share, and
// says what to do there.
func Parse(data []byte) (*Site, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("site.json has more than %d bytes: shorten its texts", MaxBytes)
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, errors.New("line 1: site.json is in UTF-16: save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors on Windows write one
	var found complaints
	if err := checkTokens(data, &found); err != nil {
		return nil, err
	}
	if err := checkSchema(data, &found); err != nil {
		return nil, err
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	var s Site
	if err := json.Unmarshal(data, &s); err != nil { // the schema has seen every name and type
		return nil, fmt.Errorf("site.json: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return &s, nil
}

// checkTokens reads every token: what a schema can't see (equal names, bad UTF-8, lone surrogates), and what no text or
// number may be. Texts are added to what is found. The rest is an error, since nothing may read such a file any further: the
// schema would write 1e999999999 out.
func checkTokens(data []byte, found *complaints) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) && dec.StackDepth() == 0 && dec.InputOffset() > 0 {
			return nil
		}
		if err != nil {
			return badJSON(data, dec, err)
		}
		if dec.StackDepth() == 0 && dec.InputOffset() < int64(len(bytes.TrimRight(data, " \t\r\n"))) {
			return fmt.Errorf("line %d: site.json goes on after its end: keep one { … } only", lineOf(data, dec.InputOffset()))
		}
		if dec.StackDepth() > maxDepth {
			return fmt.Errorf("line %d: too many brackets inside each other: look at an example of site.json", lineOf(data, dec.InputOffset()))
		}
		at := func() string { return place(slices.Collect(dec.StackPointer().Tokens())) }
		if token.Kind() == '0' && strings.ContainsAny(token.String(), ".eE") {
			return fmt.Errorf("%s: write a whole number, without a point or an exponent", at())
		}
		if token.Kind() == '"' {
			if step := checkText(token.String()); step != "" {
				found.add(at(), step)
			}
		}
	}
}

// checkText returns what to do about a text that no page could show: with control characters, line breaks among them, or
// without a visible character.
func checkText(text string) string {
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		return fmt.Sprintf("take the control character (or line break) %U out", []rune(text[i:])[0])
	}
	if strings.IndexFunc(text, visible) < 0 {
		return "this is empty: write a text, or leave the member out"
	}
	return ""
}

// badJSON tells where the JSON is broken.
func badJSON(data []byte, dec *jsontext.Decoder, err error) error {
	at := dec.InputOffset()
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		at = syntactic.ByteOffset
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fmt.Errorf("line %d: the same name twice in one { … }: keep one of them", lineOf(data, at))
	}
	return fmt.Errorf("line %d: this is not JSON in UTF-8: look for a missing comma, quote or bracket there", lineOf(data, at))
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
}

func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
