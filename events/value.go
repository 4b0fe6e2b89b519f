package events

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxValueBytes is the largest value that Decode reads. The longest event that passes Encode stays below it.
const MaxValueBytes = 128 << 10

// field is one text of a submission: its name in JSON, where it is kept, and its longest length in code points.
type field struct {
	name string
	text *string
	max  int
}

func (s *Submission) fields() [10]field {
	return [...]field{
		{"phone", &s.Phone, MaxPhone},
		{"ip", &s.IP, 45},
		{"user_agent", &s.UserAgent, MaxUserAgent},
		{"path", &s.Path, MaxURL},
		{"referrer", &s.Referrer, MaxURL},
		{"page", &s.Page, MaxURL},
		{"variant", &s.Variant, MaxVariant},
		{"device", &s.Device, MaxDevice},
		{"consent", &s.Consent, MaxConsent},
		{"phone_region", &s.PhoneRegion, 2},
	}
}

func (c *Campaign) fields() [5]field {
	return [...]field{
		{"utm_source", &c.Source, MaxUTM},
		{"utm_medium", &c.Medium, MaxUTM},
		{"utm_campaign", &c.Name, MaxUTM},
		{"utm_term", &c.Term, MaxUTM},
		{"utm_content", &c.Content, MaxUTM},
	}
}

// check is what the JSON Schema says of a value, and a little more (the address must be one).
func (s *Submission) check() error {
	for _, f := range s.fields() {
		if err := f.check(); err != nil {
			return err
		}
	}
	for _, f := range s.Campaign.fields() {
		if err := f.check(); err != nil {
			return err
		}
	}
	if !validPhone(s.Phone, s.PhoneRegion) {
		return poison("phone is not a valid number")
	}
	if s.PhoneRegion != "" && !isRegion(s.PhoneRegion) {
		return poison("phone_region is not two capitals")
	}
	if ip, err := netip.ParseAddr(s.IP); err != nil || ip.Zone() != "" {
		return poison("ip is not an address")
	}
	return nil
}

func (f field) check() error {
	switch {
	case !utf8.ValidString(*f.text):
		return poison("%s is not UTF-8", f.name)
	case strings.ContainsRune(*f.text, 0):
		return poison("%s holds U+0000", f.name)
	case len(*f.text) > f.max && utf8.RuneCountInString(*f.text) > f.max:
		return poison("%s is longer than %d characters", f.name, f.max)
	}
	return nil
}

func isRegion(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// decodeValue reads the JSON of a value, and checks what it says.
func decodeValue(s *Submission, value []byte) error {
	if len(value) > MaxValueBytes {
		return poison("a value of %d bytes, more than %d", len(value), MaxValueBytes)
	}
	if !scanValue(s, string(value)) {
		*s = Submission{}
		if err := tokenizeValue(s, value); err != nil {
			return err
		}
	}
	return s.check()
}

// tokenizeValue reads any JSON, strictly: this tokenizer refuses equal names, bad UTF-8 and lone surrogates, and the loops
// below match names by case and take no null for a text. encoding/json (v1) does none of that. Members that are not known
// are passed over: they are what the next optional field of v1 looks like to this version.
func tokenizeValue(s *Submission, value []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(value)) // a Buffer is read in place
	fields := s.fields()
	missing := 4 // members that are required; the tokenizer lets none through twice
	if err := decodeObject(dec, func(name string) error {
		switch name {
		case "phone", "ip", "user_agent", "path":
			missing--
		case "campaign":
			return decodeCampaign(dec, &s.Campaign)
		case "suspect":
			return decodeBool(dec, name, &s.Suspect)
		}
		return decodeText(dec, name, fields[:])
	}); err != nil {
		return err
	}
	if missing > 0 {
		return poison("phone, ip, user_agent and path are required")
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return poison("the value has bytes after its JSON")
	}
	return nil
}

func decodeCampaign(dec *jsontext.Decoder, c *Campaign) error {
	fields := c.fields()
	return decodeObject(dec, func(name string) error { return decodeText(dec, name, fields[:]) })
}

// decodeObject reads one object, and has member read the value of each name.
func decodeObject(dec *jsontext.Decoder, member func(name string) error) error {
	if dec.PeekKind() != '{' {
		return poison("not a JSON object where one is expected")
	}
	if _, err := dec.ReadToken(); err != nil {
		return badJSON(err)
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return badJSON(err)
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil { // the closing brace, or why there is none
		return badJSON(err)
	}
	return nil
}

func decodeText(dec *jsontext.Decoder, name string, fields []field) error {
	for _, f := range fields {
		if f.name != name {
			continue
		}
		if dec.PeekKind() != '"' {
			return poison("%s is not a string", name)
		}
		token, err := dec.ReadToken()
		if err != nil {
			return badJSON(err)
		}
		*f.text = token.String()
		return nil
	}
	if err := dec.SkipValue(); err != nil {
		return badJSON(err)
	}
	return nil
}

func decodeBool(dec *jsontext.Decoder, name string, to *bool) error {
	token, err := dec.ReadToken()
	if err != nil {
		return badJSON(err)
	}
	if kind := token.Kind(); kind != 't' && kind != 'f' {
		return poison("%s is not a boolean", name)
	}
	*to = token.Bool()
	return nil
}

// badJSON keeps what is wrong and where, but not the text around it, which may hold a phone.
func badJSON(err error) error {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return poison("broken JSON at byte %d", syntactic.ByteOffset)
	}
	return poison("broken JSON: it ends too early")
}
