package submit

import (
	"net/http"
	"net/url"
	"strings"

	"leadlog/ingest/page"
	"leadlog/ingest/problem"
)

// answer writes what became of a submission, and returns the status, and the problem's code if there was one.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, s *submission, browser bool, err error) (status int, code string) {
	if err != nil {
		p := problemOf(err)
		if p.Code == "outcome_unknown" {
			p.ID = s.event.EventID.String()
		}
		if browser {
			return h.showAgain(w, r, s, p), p.Code
		}
		p.Write(w)
		return p.Status, p.Code
	}
	if browser {
		// A person gets the same thanks for a duplicate: whether a number is known is nobody's business.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", thanksFor(s.input.next, h.cfg.Pages.Lang(r)))
		w.WriteHeader(http.StatusSeeOther)
		return http.StatusSeeOther, ""
	}
	return s.accepted(w), ""
}

// accepted writes the answer of an ack.
func (s *submission) accepted(w http.ResponseWriter) int {
	status, head := http.StatusAccepted, `{"ok":true,"queued":true,"duplicate":false,"id":"`
	if s.duplicate {
		status, head = http.StatusOK, `{"ok":true,"duplicate":true,"id":"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body := append(make([]byte, 0, 96), head...)
	body = append(body, s.event.EventID.String()...)
	_, _ = w.Write(append(body, `"}`...)) // the client hung up: nobody is left to tell
	return status
}

// showAgain renders the form with what was typed. A phone that is wrong is 422: the request was fine, its content was not.
func (h *Handler) showAgain(w http.ResponseWriter, r *http.Request, s *submission, p problem.Problem) int {
	aboutPhone := p.Field == "phone"
	if aboutPhone {
		p.Status = http.StatusUnprocessableEntity
	}
	p.Headers(w.Header())
	h.cfg.Pages.ShowAgain(w, p.Status, page.Form{
		Lang: h.cfg.Pages.Lang(r), Phone: s.input.phone, Code: p.Code, AboutPhone: aboutPhone, Hidden: hidden(&s.input),
	})
	return p.Status
}

// hidden returns what the first post carried beside the phone.
func hidden(in *input) []page.Hidden {
	var kept []page.Hidden
	for _, f := range in.formFields() {
		if f.name != "phone" && *f.to != "" {
			kept = append(kept, page.Hidden{Name: f.name, Value: *f.to})
		}
	}
	return kept
}

// thanksFor returns where a form's post leads: next, if it is a path of this site, else the page that thanks.
func thanksFor(next, lang string) string {
	if isLocalPath(next) {
		return next
	}
	return page.Localized(page.ThanksPath, lang)
}

// isLocalPath says whether a text leads to this site, for every browser: they read a backslash as a slash, and drop control
// characters, so that /\evil.example and /<TAB>/evil.example lead elsewhere.
func isLocalPath(text string) bool {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsRune(text, '\\') {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Host == "" && u.Scheme == ""
}
