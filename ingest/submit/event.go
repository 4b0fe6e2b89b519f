package submit

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
)

// submission is one request on its way through the edge.
type submission struct {
	input     input
	browser   bool // the client shows HTML: it is answered with pages
	whole     bool // the body was read
	client    netip.Addr
	event     events.Event
	record    events.Record
	duplicate bool
}

// validate turns what was read into the record that is going to be appended, with ids of its own.
func (h *Handler) validate(s *submission, r *http.Request) error {
	phone, err := events.NormalizePhone(s.input.phone, h.cfg.PhoneRegion)
	if err != nil {
		return err
	}
	if s.event.RecordID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("mint a record key: %w", err)
	}
	if s.event.EventID, err = s.receipt(r.Header, phone); err != nil {
		return err
	}
	s.client = h.cfg.Proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
	s.event.Claimed = time.Now()
	s.event.Source = h.cfg.Source
	if parents := r.Header["Traceparent"]; len(parents) == 1 && events.ValidTraceparent(parents[0]) {
		s.event.Traceparent = parents[0]
	}
	userAgent := clean(r.UserAgent(), events.MaxUserAgent)
	s.event.Submission = events.Submission{
		Phone: phone, PhoneRegion: h.cfg.PhoneRegion,
		IP: s.client.String(), UserAgent: userAgent, Device: deviceOf(userAgent),
		Path: clean(r.URL.Path, events.MaxURL), Page: s.input.page, Referrer: s.input.referrer,
		Campaign: s.input.campaign, Variant: s.input.variant, Consent: s.input.consent,
		Suspect: s.input.website != "",
	}
	if s.record, err = events.Encode(&s.event); err != nil {
		return fmt.Errorf("encode what was validated: %w", err)
	}
	return nil
}

// receipt returns the id that the client gets: the record key, or, when the client sent an Idempotency-Key (as a header, or
// as a form's field), what is derived from that, so that every retry has the same. A browser without JavaScript has none to
// send. It gets one before the append, which the form holds when the outcome is unknown: pressing again is then a retry.
func (s *submission) receipt(h http.Header, phone string) (uuid.UUID, error) {
	keys, inForm := h["Idempotency-Key"], &s.input.idempotencyKey
	switch {
	case len(keys) > 1, len(keys) == 1 && *inForm != "" && keys[0] != *inForm:
		return uuid.Nil, errIdempotencyKey // two keys are two promises
	case len(keys) == 1:
		*inForm = keys[0]
	case *inForm == "" && !s.browser:
		return s.event.RecordID, nil
	case *inForm == "":
		key, err := uuid.NewRandom()
		if err != nil {
			return uuid.Nil, fmt.Errorf("mint an idempotency key: %w", err)
		}
		*inForm = key.String()
	}
	return events.ReceiptOf(*inForm, phone)
}

// fillFromReferer takes page and campaign from the address of the page that was posted from, when it is a page of ours and
// the body names none: the page is the same bytes for everybody, so it can't hold them. Only the path is kept as the page;
// what stands in a query is anybody's.
func fillFromReferer(in *input, r *http.Request) {
	if in.page != "" && in.campaign != (events.Campaign{}) {
		return
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Host == "" || from.Path == r.URL.Path {
		return
	}
	if in.page == "" {
		in.page = clean(from.Path, events.MaxURL)
	}
	if in.campaign == (events.Campaign{}) && from.RawQuery != "" {
		query := from.Query()
		for _, f := range campaignFields(&in.campaign) {
			*f.to = clean(query.Get(f.name), f.max)
		}
	}
}
