package cli

import (
	"strings"
	"unicode"
)

// private is the flag of every verb that may show whose phone it was.
type private struct {
	ShowPII bool `name:"show-pii" noenv:"" help:"Show phones as they are. They are masked unless this is given."`
}

// phone shows the beginning and the end of a number, enough to recognise one's own: 0912*****67.
func (v private) phone(number string) string {
	const head, tail = 4, 2
	if v.ShowPII || number == "" {
		return number
	}
	if len(number) <= head+tail {
		return strings.Repeat("*", len(number))
	}
	return number[:head] + strings.Repeat("*", len(number)-head-tail) + number[len(number)-tail:]
}

// text hides every digit, of any script, in text that may hold a phone in any spelling. Its shape stays visible.
func (v private) text(s string) string {
	if v.ShowPII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsNumber(r) {
			return '*'
		}
		return r
	}, s)
}
