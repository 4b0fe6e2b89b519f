// Package apidocs serves what authors of programs need to know of the edge: the OpenAPI document at /api/schema, and a viewer
// for it at /api/docs. Nothing comes from another host, and nothing in the viewer needs an exception from a strict content
// security policy but the styles that it sets on its own elements.
package apidocs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5/static"
	"go.yaml.in/yaml/v4"

	"leadlog/ingest/problem"
	"leadlog/schemas"
)

// Paths that a server routes here. Names under StaticPath hold a hash of what they name.
const (
	SchemaPath = "/api/schema"
	ViewerPath = "/api/docs"
	StaticPath = "/static/"
)

//go:embed viewer.html
var viewerSource string

//go:embed viewer.js
var viewerScript []byte

// Docs are the document and its viewer, ready to be served.
type Docs struct {
	schema, viewer asset
	static         map[string]asset // by name
}

// New prepares them.
func New() (*Docs, error) {
	document, err := JSON()
	if err != nil {
		return nil, err
	}
	d := &Docs{static: make(map[string]asset)}
	if d.schema, err = newAsset("application/json", document); err != nil {
		return nil, err
	}
	return d, d.prepareViewer()
}

// JSON returns the OpenAPI document as it is served. It is written in YAML, for those who read it in schemas/.
func JSON() ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(schemas.OpenAPI, &document); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return text, nil
}

// prepareViewer makes the page of the viewer and what it loads.
func (d *Docs) prepareViewer() error {
	var names struct{ Style, Program, Start, Schema string }
	names.Schema = SchemaPath
	var err error
	if names.Style, err = d.vendored("swagger-ui.css", "text/css; charset=utf-8"); err != nil {
		return err
	}
	if names.Program, err = d.vendored("swagger-ui-bundle.js", "text/javascript; charset=utf-8"); err != nil {
		return err
	}
	start, err := newAsset("text/javascript; charset=utf-8", viewerScript)
	if err != nil {
		return err
	}
	names.Start = d.add("viewer.js", start)
	page, err := template.New("viewer").Parse(viewerSource)
	if err != nil {
		return fmt.Errorf("viewer.html: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, names); err != nil {
		return fmt.Errorf("viewer.html: %w", err)
	}
	d.viewer, err = newAsset("text/html; charset=utf-8", html.Bytes())
	return err
}

// vendored adds a file of the viewer's own release, which the module swgui brings compressed.
func (d *Docs) vendored(name, contentType string) (address string, err error) {
	packed, err := static.FS.ReadFile(name + ".gz")
	if err != nil {
		return "", fmt.Errorf("viewer: %w", err)
	}
	a, err := packedAsset(contentType, packed)
	if err != nil {
		return "", fmt.Errorf("viewer: %s: %w", name, err)
	}
	return d.add(name, a), nil
}

// add makes an asset reachable by a name with its hash, and returns the address.
func (d *Docs) add(name string, a asset) (address string) {
	stem, extension, _ := strings.Cut(name, ".")
	hashed := stem + "-" + a.hash + "." + extension
	d.static[hashed] = a
	return StaticPath + hashed
}

// Schema serves the document.
func (d *Docs) Schema(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("Access-Control-Allow-Origin", "*") // it is for everybody's tools
	d.schema.serve(w, r)
}

// Viewer serves the page that shows it.
func (d *Docs) Viewer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	d.viewer.serve(w, r)
}

// Static serves what the viewer loads.
func (d *Docs) Static(w http.ResponseWriter, r *http.Request) {
	a, known := d.static[strings.TrimPrefix(r.URL.Path, StaticPath)]
	if !known {
		problem.Problem{Status: http.StatusNotFound, Code: "not_found"}.Write(w)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	a.serve(w, r)
}
