package page

import (
	"bytes"
	"net/http"

	"leadlog/ingest/site"
)

// Form is the form as it is shown again.
type Form struct {
	// Lang is the language of the page that was posted from, as Lang returns it.
	Lang string
	// Phone is what was typed, and Website what stood in the honeypot.
	Phone, Website string
	// Code is the problem's code. One without a message of its own gets a general one.
	Code string
	// AboutPhone says that the field is what is wrong, and not something that a second try might mend.
	AboutPhone bool
	// Variant is the one that was posted, and so seen. It is shown again, and not drawn anew.
	Variant string
	// Target is where the visitor goes once the form is taken; it must be a path of ours or an address that was checked.
	Target string
	// Hidden are the fields that the first post carried, or that its page's address did: the second has another Referer.
	Hidden []Hidden
}

// Hidden is a hidden field of the form.
type Hidden struct{ Name, Value string }

// ShowAgain renders the form with what was typed, and why it is shown again.
func (p *Pages) ShowAgain(w http.ResponseWriter, status int, form Form) {
	s := p.shown.Load().site
	v := p.formView(s, form)
	v.Message = v.Words.message(form.Code)
	v.Other.Home = Localized(IndexPath, v.Other.Lang)
	p.write(w, status, "form", v, p.policy(true, form.Target))
}

// write renders a page that is nobody else's.
func (p *Pages) write(w http.ResponseWriter, status int, part string, v any, policy string) {
	var html bytes.Buffer
	if err := p.template.ExecuteTemplate(&html, part, v); err != nil {
		http.Error(w, http.StatusText(status), status) // Show has rendered this template before
		return
	}
	protect(w.Header(), policy)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(html.Bytes()) // the client hung up: nobody is left to tell
}

// hiddenOf returns the fields that nobody types. The script fills the first two. What the page shows goes before what was
// posted: the consent that stands beside the button is what a visitor agrees to by pressing it.
func hiddenOf(s *site.Site, form Form) []Hidden {
	hidden := []Hidden{{Name: "idempotency_key"}, {Name: "referrer"}}
	for _, h := range form.Hidden {
		switch {
		case h.Name == hidden[0].Name:
			hidden[0].Value = h.Value
		case h.Name == hidden[1].Name:
			hidden[1].Value = h.Value
		case h.Name == "consent" && s.Consent != nil, h.Name == "variant" && len(s.Variants) > 0:
		default:
			hidden = append(hidden, h)
		}
	}
	return hidden
}
