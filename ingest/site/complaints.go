package site

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxComplaints bounds an error: an owner mends the first few, and asks again.
const maxComplaints = 10

// complaints are what is wrong with one file.
type complaints struct{ list []wrong }

// wrong is a place, and what to do there.
type wrong struct{ place, step string }

func (c *complaints) add(place, step string) {
	c.list = append(c.list, wrong{place, strings.TrimSpace(step)})
}

func (c *complaints) places() map[string]bool {
	places := make(map[string]bool, len(c.list))
	for _, w := range c.list {
		places[w.place] = true
	}
	return places
}

// err returns a line for each place, or nil.
func (c *complaints) err() error {
	if len(c.list) == 0 {
		return nil
	}
	lines := make([]string, 0, len(c.list))
	for _, w := range c.list {
		lines = append(lines, w.place+": "+w.step)
	}
	slices.Sort(lines) // the schema's validator walks maps
	lines = slices.Compact(lines)
	if more := len(lines) - maxComplaints; more > 0 {
		lines = append(lines[:maxComplaints], fmt.Sprintf("and %d more like these", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// quoted lists names that came from outside, so that none of them can play tricks on a terminal.
func quoted(names []string) string {
	slices.Sort(names)
	list := make([]string, 0, len(names))
	for _, name := range names[:min(len(names), maxComplaints)] {
		list = append(list, shortQuote(name))
	}
	return strings.Join(list, ", ")
}

func shortQuote(name string) string {
	const longest = 40
	if utf8.RuneCountInString(name) > longest {
		name = string([]rune(name)[:longest]) + "…"
	}
	return strconv.QuoteToASCII(name)
}

// place writes a JSON pointer as people do: variants[1].share.
func place(tokens []string) string {
	if len(tokens) == 0 {
		return "site.json"
	}
	var b strings.Builder
	for _, token := range tokens {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			fmt.Fprintf(&b, "[%s]", token)
			continue
		case strings.Trim(token, "$_abcdefghijklmnopqrstuvwxyz") != "":
			token = shortQuote(token)
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}
