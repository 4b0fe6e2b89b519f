package browser

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"leadlog/ingest/apidocs"
)

// Authors of programs see every operation of the document, in a viewer that loads nothing from elsewhere.
func TestTheAPIsDocumentationIsShown(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	answer := e.get(apidocs.SchemaPath, "application/json")
	defer answer.Body.Close()
	var document struct {
		Paths map[string]map[string]struct{ Summary string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil || len(document.Paths) == 0 {
		t.Fatalf("%+v, %v", document, err)
	}
	tb := open(t, e)
	tb.visit(apidocs.ViewerPath)
	tb.until(`document.querySelectorAll(".opblock").length > 0`)
	shown := eval[[]string](tb, `[...document.querySelectorAll(".opblock-summary")].map(one => ["method", "path", "description"].map(
		part => one.querySelector(".opblock-summary-" + part).textContent.replaceAll("\u200b", "")).join(" "))`)
	for path, item := range document.Paths {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			operation, there := item[strings.ToLower(method)]
			if want := method + " " + path + " " + operation.Summary; there && !slices.Contains(shown, want) {
				t.Errorf("%s is not shown: %q", want, shown)
			}
		}
	}
	tb.shot("viewer")
}
