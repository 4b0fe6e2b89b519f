package submit

import (
	"net/url"
	"strings"
)

// parseForm reads the body of an HTML form. A name that is kept may come once; names that are not known are passed over,
// since pages add fields of their own. net/url's own parser would let repeated names, bad UTF-8 and %00 through.
func parseForm(body string) (input, error) {
	var in input
	fields := in.formFields()
	var seen [len(fields)]bool
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
				return input{}, repeatedField(name)
			}
			seen[i] = true
			text, err := url.QueryUnescape(rawText)
			if err != nil {
				return input{}, invalidField(name)
			}
			if err := f.set(text); err != nil {
				return input{}, err
			}
		}
	}
	return in, nil
}
