package page

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"leadlog/ingest/problem"
)

// everyPage returns every kind of HTML page.
func everyPage(t *testing.T, p *Pages) map[string]*httptest.ResponseRecorder {
	t.Helper()
	again := httptest.NewRecorder()
	p.ShowAgain(again, http.StatusUnprocessableEntity, Form{Lang: "en", Phone: "x", Code: "invalid_phone", AboutPhone: true, Target: "/thanks"})
	lost := p.Problem(problem.Problem{Status: http.StatusNotFound, Code: "not_found"})
	return map[string]*httptest.ResponseRecorder{
		"index": get(t, p.Index, "/"), "thanks": get(t, p.Thanks, "/thanks"), "again": again,
		"problem": get(t, lost.ServeHTTP, "/x", "Accept", "text/html"),
	}
}

func TestOnlyTheOwnScriptAndStyleMayRun(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?s)<(script|style)>(.*?)</(?:script|style)>`)
	for name, w := range everyPage(t, showing(t, sample)) {
		policy := w.Header().Get("Content-Security-Policy")
		found := inline.FindAllStringSubmatch(w.Body.String(), -1)
		if len(found) == 0 || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", name, policy)
		}
		for _, tag := range found {
			sum := sha256.Sum256([]byte(tag[2]))
			if want := fmt.Sprintf("%s-src 'sha256-%s'", tag[1], base64.StdEncoding.EncodeToString(sum[:])); !strings.Contains(policy, want) {
				t.Errorf("%s: the browser would refuse its own %s: %s", name, tag[1], policy)
			}
		}
		for _, want := range []string{"default-src 'none'", "img-src 'self' data:", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %s", name, want, policy)
			}
		}
		if withForm := strings.Contains(w.Body.String(), "<form"); withForm != strings.Contains(policy, "connect-src 'self'") || withForm != strings.Contains(policy, "script-src") {
			t.Errorf("%s: %s", name, policy)
		}
		if w.Header().Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: the form's post would not carry the page's address", name)
		}
		if strings.Contains(w.Body.String(), " style=") || regexp.MustCompile(`<[^>]* on[a-z]+=`).MatchString(w.Body.String()) {
			t.Errorf("%s has something inline that the policy refuses", name)
		}
	}
}

func TestThePageIsSmall(t *testing.T) {
	t.Parallel()
	p := showing(t, sample)
	if n := len(p.script.text); n >= 2048 {
		t.Errorf("the script has %d bytes", n)
	}
	for name, w := range everyPage(t, p) {
		if n := w.Body.Len(); n > 20_000 {
			t.Errorf("%s has %d bytes: that leaves the owner less than 10 KB", name, n)
		}
	}
}

// One style for both directions.
func TestTheStyleKnowsNeitherLeftNorRight(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"left", "right", "margin-top", "padding-top", "float", " width", " height", "url(", "@import"} {
		if strings.Contains(styleSource, wrong) {
			t.Errorf("the style has %q", wrong)
		}
	}
}

// WCAG 2.2 AA: 4.5 for text, 3 for what shows where a field is.
func TestTheColorsHaveContrast(t *testing.T) {
	t.Parallel()
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(styleSource, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d color schemes, want light and dark", len(schemes))
	}
	for i, scheme := range schemes {
		colors := make(map[string]float64)
		for _, c := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(scheme[1], -1) {
			colors[c[1]] = luminance(t, c[2])
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"text", "back", 4.5}, {"quiet", "back", 4.5}, {"accent", "back", 4.5}, {"wrong", "back", 4.5}, {"on-accent", "accent", 4.5}, {"line", "back", 3},
			{"on-accent", "pressed", 4.5}, {"accent", "around", 4.5},
		} {
			a, b := colors[pair.front], colors[pair.back]
			if contrast := (math.Max(a, b) + .05) / (math.Min(a, b) + .05); contrast < pair.least {
				t.Errorf("scheme %d: %s on %s has a contrast of %.2f", i, pair.front, pair.back, contrast)
			}
		}
	}
}

// luminance is WCAG's relative luminance of a color such as 0b5c8a.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
