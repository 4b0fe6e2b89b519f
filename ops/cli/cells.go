package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// forPeople is a cell of a table.
func forPeople(cell any) string {
	switch c := cell.(type) {
	case nil:
		return "-"
	case time.Duration:
		return span(c).String()
	case string:
		return printable(c)
	}
	return printable(plain(cell))
}

// forPrograms is a value of JSON.
func forPrograms(cell any) any {
	switch c := cell.(type) {
	case time.Duration:
		return c.Seconds()
	case time.Time:
		return plain(c)
	}
	return cell
}

// forSheets is a field of CSV. A text that a spreadsheet would take for a formula is quoted for it.
func forSheets(cell any) string {
	switch c := cell.(type) {
	case nil:
		return ""
	case time.Duration:
		return strconv.FormatFloat(c.Seconds(), 'f', -1, 64)
	case string:
		if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
			return "'" + c
		}
		return c
	}
	return plain(cell)
}

func plain(cell any) string {
	switch c := cell.(type) {
	case time.Time:
		return c.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case []string:
		return strings.Join(c, " ")
	case map[string]string:
		pairs := make([]string, 0, len(c))
		for name, value := range c {
			pairs = append(pairs, name+"="+value)
		}
		slices.Sort(pairs)
		return strings.Join(pairs, " ")
	}
	return fmt.Sprint(cell)
}

// span rounds a duration to what a person wants to know of it.
func span(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// progressLine is a line about long work: how much is done, how fast, and how long the rest will take.
func progressLine(what string, done, all int64, took time.Duration) string {
	left := time.Duration(float64(took) * float64(all-done) / float64(max(done, 1)))
	rate := float64(done) / max(took.Seconds(), 0.001)
	return fmt.Sprintf("%s: %d of %d records, %.0f a second, %s left", what, done, all, rate, span(left))
}

// printable makes text from outside harmless for a terminal: what is no character of a line is shown as its escape.
func printable(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	quoted := strconv.QuoteToGraphic(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// hidden says whether a character is not to be sent to a terminal: controls, format characters such as bidi marks, and
// bytes that are no UTF-8.
func hidden(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }

// reason is a cell for an error: drivers like to use several lines.
func reason(err error) string { return oneLine(err.Error()) }

// oneLine is a text that may have several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// blank is a cell for a text that may be empty.
func blank(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// known is a cell for an offset or a count that may be control.Unknown.
func known[T int | int64 | time.Duration](n T) any {
	if n < 0 {
		return nil
	}
	return n
}
