package submit

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// parseJSON reads the body of a program, strictly: one object, each name once and spelled as documented, texts only. The
// tokenizer refuses bad UTF-8, lone surrogates and equal names; what encoding/json (v1) lets through (NUL, equal names,
// names in another case, bytes after the end) would be answered 202 and stop a projection. Nothing nested is entered but
// the campaign, so depth needs no bound of its own.
func parseJSON(body []byte) (input, error) {
	var in input
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if err := in.readObject(dec); err != nil {
		return input{}, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return input{}, errInvalidJSON
	}
	return in, nil
}

func (in *input) readObject(dec *jsontext.Decoder) error {
	fields := in.fields()
	return eachMember(dec, func(name string) error {
		if name == "campaign" {
			return in.readCampaign(dec)
		}
		return readField(dec, name, fields[:])
	})
}

func (in *input) readCampaign(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return invalidField("campaign")
	}
	fields := campaignFields(&in.campaign)
	return eachMember(dec, func(name string) error { return readField(dec, name, fields[:]) })
}

// eachMember reads an object, and lets member read each value.
func eachMember(dec *jsontext.Decoder, member func(name string) error) error {
	if dec.PeekKind() != '{' {
		return errInvalidJSON
	}
	if _, err := dec.ReadToken(); err != nil {
		return errInvalidJSON
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return errInvalidJSON
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return errInvalidJSON
	}
	return nil
}

func readField(dec *jsontext.Decoder, name string, fields []field) error {
	for _, f := range fields {
		if f.name != name {
			continue
		}
		switch dec.PeekKind() {
		case '"':
		case 0: // broken, and not just of another type
			return errInvalidJSON
		default:
			return invalidField(name)
		}
		text, err := dec.ReadToken()
		if err != nil {
			return errInvalidJSON
		}
		return f.set(text.String())
	}
	return errUnknownField
}
