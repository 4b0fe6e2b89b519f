package submit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"leadlog/events"
)

// input is what a body says. Its texts are UTF-8 without U+0000, and not longer than the event may hold them; the phone is
// still as it was typed.
type input struct {
	phone, page, referrer, variant, consent string

	campaign events.Campaign

	idempotencyKey, next string // of forms; programs send the key as a header
	website              string // of forms: the honeypot, which people don't see
}

// field is one name that a body may use: where its text goes, and its longest length in code points (0: not kept in the
// event, so not cut).
type field struct {
	name string
	to   *string
	max  int
}

func (in *input) fields() [5]field {
	return [...]field{
		{"phone", &in.phone, 0},
		{"page", &in.page, events.MaxURL},
		{"referrer", &in.referrer, events.MaxURL},
		{"variant", &in.variant, events.MaxVariant},
		{"consent", &in.consent, events.MaxConsent},
	}
}

func campaignFields(c *events.Campaign) [5]field {
	return [...]field{
		{"utm_source", &c.Source, events.MaxUTM},
		{"utm_medium", &c.Medium, events.MaxUTM},
		{"utm_campaign", &c.Name, events.MaxUTM},
		{"utm_term", &c.Term, events.MaxUTM},
		{"utm_content", &c.Content, events.MaxUTM},
	}
}

func (in *input) formFields() [13]field {
	plain, campaign := in.fields(), campaignFields(&in.campaign)
	all := [13]field{{"idempotency_key", &in.idempotencyKey, 0}, {"next", &in.next, 0}, {"website", &in.website, 0}}
	copy(all[3:], plain[:])
	copy(all[8:], campaign[:])
	return all
}

// set keeps a text, cut to its longest length. Text that no store could hold is refused.
func (f field) set(text string) error {
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return invalidField(f.name)
	}
	if f.max > 0 {
		text = cut(text, f.max)
	}
	*f.to = text
	return nil
}

// cut shortens a text to a number of code points, and never inside one.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	count := 0
	for i := range text {
		if count == longest {
			return text[:i]
		}
		count++
	}
	return text
}

// clean makes text from a header, which nobody can be asked to send again, fit for an event: control characters become
// spaces, bytes that are not UTF-8 become U+FFFD, and what is too long is cut.
func clean(text string, longest int) string {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			text = strings.Map(spaceForControl, strings.ToValidUTF8(text, "\ufffd"))
			break
		}
	}
	return cut(text, longest)
}

func spaceForControl(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
