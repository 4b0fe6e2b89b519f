package view

import "strconv"

// AppendQuoted is strconv.AppendQuote for the values of a row's text: no value can pretend to be another line. That function
// looks at every rune, and a verification quotes every value of every event; nearly always there is nothing to quote.
func AppendQuoted[T string | []byte](text []byte, value T) []byte {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.AppendQuote(text, string(value))
		}
	}
	return append(append(append(text, '"'), value...), '"')
}
