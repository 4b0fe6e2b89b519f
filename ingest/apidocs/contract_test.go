package apidocs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"leadlog/ingest/apidocs"
)

// contract is the document that the edge serves, as its readers see it.
type contract struct {
	*testing.T
	document
	compiler *jsonschema.Compiler
}

type document struct {
	Paths map[string]map[string]operation `json:"paths"`
}

type operation struct {
	OperationID string `json:"operationId"`
	RequestBody struct {
		Content map[string]struct {
			Examples map[string]struct {
				Value map[string]any `json:"value"`
			} `json:"examples"`
		} `json:"content"`
	} `json:"requestBody"`
	Refused   []refused           `json:"x-refused"`
	Responses map[string]response `json:"responses"`
}

type refused struct {
	Summary string            `json:"summary"`
	Type    string            `json:"type"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
	Status  int               `json:"status"`
	Error   string            `json:"error"`
}

type response struct {
	Ref     string `json:"$ref"`
	Headers map[string]struct {
		Ref      string `json:"$ref"`
		Required bool   `json:"required"`
	} `json:"headers"`
	Content map[string]json.RawMessage `json:"content"`
}

const documentName = "openapi.json"

func readContract(t *testing.T) *contract {
	t.Helper()
	text, err := apidocs.JSON()
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{T: t, compiler: jsonschema.NewCompiler()}
	if err := json.Unmarshal(text, &c.document); err != nil {
		t.Fatal(err)
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020) // as OpenAPI 3.1 says
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(documentName, resource); err != nil {
		t.Fatal(err)
	}
	return c
}

// sent is one request and what was answered.
type sent struct {
	status int
	header http.Header
	body   []byte
}

func (c *contract) send(r *http.Request) sent {
	c.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	return sent{answer.StatusCode, answer.Header, body}
}

// Every example of the document is answered as it says, and every answer is one that it allows.
func TestTheDocumentsExamplesAreAnsweredAsItSays(t *testing.T) {
	t.Parallel()
	c, edge := readContract(t), startEdge(t)
	for path, operations := range c.Paths {
		for method, op := range operations {
			for _, r := range op.examples(t, edge, path, method) {
				answer := c.send(r)
				if answer.status >= http.StatusBadRequest {
					t.Errorf("%s: an example of %s is answered %d %s", op.OperationID, r.Header.Get("Content-Type"), answer.status, answer.body)
				}
				c.allowed(op, path, method, answer)
			}
			for _, refused := range op.Refused {
				answer := c.send(refused.request(t, edge+path, method))
				if answer.status != refused.Status || refused.Error != "" && !bytes.Contains(answer.body, []byte(`"error":"`+refused.Error+`"`)) {
					t.Errorf("%s, %s: %d %s, not %d %s", op.OperationID, refused.Summary, answer.status, answer.body, refused.Status, refused.Error)
				}
				c.allowed(op, path, method, answer)
			}
		}
	}
}

// Every address that the document names, in every form that it says there is.
func TestEveryAddressAnswersInEveryDocumentedForm(t *testing.T) {
	t.Parallel()
	c, edge := readContract(t), startEdge(t)
	for path, operations := range c.Paths {
		op, ok := operations["get"]
		if !ok || strings.Contains(path, "{") {
			continue
		}
		for _, form := range slices.Sorted(maps.Keys(op.Responses["200"].Content)) {
			r := request(t, http.MethodGet, edge+path, "")
			r.Header.Set("Accept", form)
			answer := c.send(r)
			got, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type"))
			if answer.status != http.StatusOK || got != form {
				t.Errorf("GET %s as %s: %d %s", path, form, answer.status, got)
			}
			c.allowed(op, path, "get", answer)
		}
	}
}

// allowed checks one answer against the document: status, headers, type, and the body's schema.
func (c *contract) allowed(op operation, path, method string, got sent) {
	c.Helper()
	where := fmt.Sprintf("%s %s answered %d", method, path, got.status)
	documented, ok := op.Responses[strconv.Itoa(got.status)]
	if !ok {
		c.Errorf("%s, which is not documented: %s", where, got.body)
		return
	}
	for name, header := range documented.Headers {
		if required := header.Required || strings.HasSuffix(header.Ref, "/RetryAfter"); required && got.header.Get(name) == "" {
			c.Errorf("%s without %s", where, name)
		}
	}
	form, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if _, ok := documented.Content[form]; !ok && (len(got.body) > 0 || len(documented.Content) > 0) {
		c.Errorf("%s with %q, which is not documented", where, form)
		return
	}
	if !strings.HasSuffix(form, "json") {
		return
	}
	place := pointer("paths", path, method, "responses", strconv.Itoa(got.status), "content", form, "schema")
	schema, err := c.compiler.Compile(documentName + "#" + place)
	if err != nil {
		c.Fatalf("%s: %v", place, err)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		c.Errorf("%s: %v\n%s", where, err, got.body)
	}
}

func pointer(names ...string) (p string) {
	for _, name := range names {
		p += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return p
}

// examples are the requests that the document shows.
func (op operation) examples(t *testing.T, edge, path, method string) (requests []*http.Request) {
	t.Helper()
	for form, content := range op.RequestBody.Content {
		for _, example := range content.Examples {
			body := encode(t, form, example.Value)
			r := request(t, strings.ToUpper(method), edge+path, body)
			r.Header.Set("Content-Type", form)
			requests = append(requests, r)
		}
	}
	return requests
}

func encode(t *testing.T, form string, value map[string]any) string {
	t.Helper()
	if form == "application/json" {
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	fields := make(url.Values)
	for name, text := range value {
		fields.Set(name, fmt.Sprint(text))
	}
	return fields.Encode()
}

func (f refused) request(t *testing.T, url, method string) *http.Request {
	t.Helper()
	r := request(t, strings.ToUpper(method), url, f.Body)
	r.Header.Set("Content-Type", f.Type)
	for name, value := range f.Headers {
		r.Header.Set(name, value)
	}
	return r
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
