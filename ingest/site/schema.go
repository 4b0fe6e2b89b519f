package site

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"leadlog/schemas"
)

const schemaURL = "urn:leadlog:schema:site.v1"

// maxComplaints bounds an error: an owner mends the first few, and asks again.
const maxComplaints = 10

// checkSchema compares a document with schemas/site.v1.json, and reports all that does not fit, a line each.
func checkSchema(data []byte) error {
	compiler := jsonschema.NewCompiler()
	contract, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.SiteV1))
	if err != nil {
		return fmt.Errorf("site.v1.json: %w", err)
	}
	if err := compiler.AddResource(schemaURL, contract); err != nil {
		return fmt.Errorf("site.v1.json: %w", err)
	}
	schema, err := compiler.Compile(schemaURL)
	if err != nil {
		return fmt.Errorf("site.v1.json: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("site.json: %w", err)
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(document); errors.As(err, &invalid) {
		return complaints(compiler, invalid)
	} else if err != nil {
		return fmt.Errorf("site.json: %w", err)
	}
	return nil
}

// complaints puts the leaves of a validation error into words.
func complaints(compiler *jsonschema.Compiler, invalid *jsonschema.ValidationError) error {
	var lines []string
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			collect(cause)
		}
		if len(e.Causes) == 0 {
			lines = append(lines, place(e.InstanceLocation)+": "+complaint(compiler, e))
		}
	}
	collect(invalid)
	slices.Sort(lines) // the validator walks maps
	lines = slices.Compact(lines)
	if more := len(lines) - maxComplaints; more > 0 {
		lines = append(lines[:maxComplaints], fmt.Sprintf("and %d more like these", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// complaint says what to do at one place. What a place is for stands in the schema's description of it.
func complaint(compiler *jsonschema.Compiler, e *jsonschema.ValidationError) string {
	var purpose string
	var known []string
	if at, err := compiler.Compile(e.SchemaURL); err == nil {
		purpose = at.Description
		for name := range at.Properties {
			known = append(known, name)
		}
		slices.Sort(known)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		return fmt.Sprintf("there is no member %s here: use %s", quoted(k.Properties), strings.Join(known, ", "))
	case *kind.Required:
		return fmt.Sprintf("add the member %s", quoted(k.Missing))
	case *kind.DependentRequired:
		return fmt.Sprintf("add the member %s, which goes with %q", quoted(k.Missing), k.Prop)
	case *kind.Type:
		return fmt.Sprintf("this is a %s: write a %s. %s", k.Got, strings.Join(k.Want, " or "), purpose)
	case *kind.MaxLength:
		return fmt.Sprintf("this has %d characters: use %d at most", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("there are %d: use %d at most", k.Got, k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("use a number from %s on. %s", k.Want.RatString(), purpose)
	case *kind.Maximum:
		return fmt.Sprintf("use a number up to %s. %s", k.Want.RatString(), purpose)
	}
	return "this does not fit: use what it is for. " + purpose
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
