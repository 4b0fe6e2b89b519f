package site

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"leadlog/schemas"
)

const schemaURL = "urn:leadlog:schema:site.v1"

// checkSchema compares a document with schemas/site.v1.json, and adds all that does not fit to what was found before.
func checkSchema(data []byte, found *complaints) error {
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
		found.addLeaves(compiler, invalid)
	} else if err != nil {
		return fmt.Errorf("site.json: %w", err)
	}
	return nil
}

// addLeaves puts the leaves of a validation error into words. Where a token was wrong already, the schema has nothing new to say.
func (c *complaints) addLeaves(compiler *jsonschema.Compiler, invalid *jsonschema.ValidationError) {
	told := c.places()
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			collect(cause)
		}
		if at := place(e.InstanceLocation); len(e.Causes) == 0 && !told[at] {
			c.add(at, complaint(compiler, e))
		}
	}
	collect(invalid)
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
		return fmt.Sprintf("this is %s: write %s. %s", inWords(k.Got), inWords(k.Want...), purpose)
	case *kind.MinProperties:
		return "this is empty. " + purpose
	case *kind.MaxLength:
		return fmt.Sprintf("this has %d characters: use %d at most", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("there are %d: use %d at most", k.Got, k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("use a number of %s or more. %s", k.Want.RatString(), purpose)
	case *kind.Maximum:
		return fmt.Sprintf("use a number up to %s. %s", k.Want.RatString(), purpose)
	}
	return "this can't stand here. " + purpose
}

// inWords names types of JSON for people who may never have heard of them.
func inWords(types ...string) string {
	names := make([]string, 0, len(types))
	for _, name := range types {
		switch name {
		case "object":
			name = "an object { … }"
		case "array":
			name = "a list [ … ]"
		case "string":
			name = "a text in quotes"
		case "integer":
			name = "a whole number"
		case "number":
			name = "a number"
		case "boolean":
			name = "true or false"
		}
		names = append(names, name)
	}
	return strings.Join(names, " or ")
}
