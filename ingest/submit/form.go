package submit

import (
	"net/url"
	"strings"
)

// parseForm reads the body of an HTML form. A name that is kept may come once; names that are not known are passed over,
// since pages add fields of their own. net/url's own parser would let repeated names, bad UTF-8 and %00 through.
//
// The error is of the first field that is wrong. The input holds all the others even then, for the form that is shown again.
func parseForm(body string) (input, error) {
	var in input
	fields := in.formFields()
	var seen [len(fields)]bool
	var wrong error
	for pair := range strings.SplitSeq(body, "&") {
		rawName, rawText, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			continue // not a name that is kept, so another one
		}
		for i, f := range fields {
			if f.name != name {
				continue
			}
			if seen[i] {
				err = repeatedField(name) // the first one is kept
			} else {
				err = f.setEscaped(rawText)
			}
			seen[i] = true
			if wrong == nil {
				wrong = err
			}
		}
	}
	return in, wrong
}

func (f field) setEscaped(raw string) error {
	text, err := url.QueryUnescape(raw)
	if err != nil {
		return invalidField(f.name)
	}
	return f.set(text)
}
