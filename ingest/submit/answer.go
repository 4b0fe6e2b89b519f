package submit

import (
	"net/http"

	"leadlog/ingest/page"
	"leadlog/ingest/problem"
	"leadlog/ingest/site"
)

// answer writes what became of a submission, and returns the status, and the problem's code if there was one.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, s *submission, err error) (status int, code string) {
	if err != nil {
		p := problemOf(err)
		// Kept open, the connection would have net/http wait for the rest of the body before it sends the answer.
		p.Close = p.Close || !s.whole && r.ContentLength != 0
		if p.Code == "outcome_unknown" {
			p.ID = s.event.EventID.String()
		}
		if s.browser {
			return h.showAgain(w, r, s, p), p.Code
		}
		p.Write(w)
		return p.Status, p.Code
	}
	if s.browser {
		// A person gets the same thanks for a duplicate: whether a number is known is nobody's business.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", h.target(s.input.next, page.Lang(r)))
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

// showAgain renders the form with what was typed. A phone that is wrong is 422: the request was fine, its content was not. One
// that came twice is a broken request.
func (h *Handler) showAgain(w http.ResponseWriter, r *http.Request, s *submission, p problem.Problem) int {
	aboutPhone := p.Field == "phone" && p.Code != "repeated_field"
	if aboutPhone {
		p.Status = http.StatusUnprocessableEntity
	}
	p.Headers(w.Header())
	lang := page.Lang(r)
	h.cfg.Pages.ShowAgain(w, p.Status, page.Form{
		Lang: lang, Phone: s.input.phone, Website: s.input.website, Code: p.Code, AboutPhone: aboutPhone,
		Variant: s.input.variant, Target: h.target(s.input.next, lang), Hidden: hidden(&s.input, p.Code),
	})
	return p.Status
}

// hidden returns what the first post carried beside what the form has fields for. A key that was refused is left out:
// the person who is asked to press again has no way to mend it.
func hidden(in *input, code string) []page.Hidden {
	var kept []page.Hidden
	for _, f := range in.formFields() {
		switch {
		case *f.to == "", f.name == "phone", f.name == "website":
		case f.name == "idempotency_key" && code == errIdempotencyKey.code:
		default:
			kept = append(kept, page.Hidden{Name: f.name, Value: *f.to})
		}
	}
	return kept
}

// target returns where a form's post leads: next, if it is a path of this site or of a site that may post here, else to where
// the site's owner thanks.
func (h *Handler) target(next, lang string) string {
	if site.IsLocalPath(next) || h.cfg.Origins.hold(next) {
		return next
	}
	return h.cfg.Pages.AfterPost(lang)
}
