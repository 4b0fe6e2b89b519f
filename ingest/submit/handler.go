package submit

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"leadlog/events"
	"leadlog/ingest/gate"
	"leadlog/ingest/kafkalog"
	"leadlog/ingest/page"
	"leadlog/ops/telemetry"
)

// Log is what the endpoint needs of the log; kafkalog.Log is one. Append returns nil only for an ack. Reserve is called under a lock,
// and must not wait.
type Log interface {
	Ready() error
	Reserve(record *events.Record) bool
	Free(record *events.Record)
	Append(record *events.Record) error
}

// Gate is what the endpoint needs of claims and throttles; gate.Gate is one.
type Gate interface {
	Admit(client netip.Addr, phone string, receipt uuid.UUID) gate.Admission
	Release(phone string, receipt uuid.UUID)
}

// Config is what the endpoint is made of. All but PhoneRegion, Proxies, Origins and those that begin with Max must be set.
type Config struct {
	Log   Log
	Gate  Gate
	Pages *page.Pages
	// Source is the ce_source of every event: which edge took it.
	Source string
	// PhoneRegion is the region that numbers are read with, such as IR; empty for none.
	PhoneRegion string
	// Proxies are the peers whose X-Forwarded-For is believed.
	Proxies gate.Proxies
	// Origins are the other sites that may post; see ParseOrigins. The zero value allows none.
	Origins Origins
	// MaxBody is the longest body that is read.
	MaxBody MaxBody
	// MaxPerClient is how many submissions one client may have under way; 0 for no limit. Over HTTP/2 one connection brings many.
	MaxPerClient int
	// MaxWaiting is how many submissions may wait for their turn; 0 for as many as this machine can serve in time, and never more.
	MaxWaiting int
	Registry   prometheus.Registerer
	Logger     *slog.Logger
}

// Validate reports what is missing or can't be meant.
func (c Config) Validate() error {
	if c.Log == nil || c.Gate == nil || c.Pages == nil || c.Source == "" || c.Registry == nil || c.Logger == nil {
		return errors.New("submit: Log, Gate, Pages, Source, Registry and Logger must be set")
	}
	return events.CheckRegion(c.PhoneRegion)
}

// Handler serves POST /api/submit.
type Handler struct {
	cfg       Config
	metrics   *metrics
	shares    *gate.Shares
	turnstile *turnstile
	crowded   *telemetry.Complaint
}

// New returns the endpoint.
func New(cfg Config) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Origins.protection == nil {
		cfg.Origins.protection = http.NewCrossOriginProtection()
	}
	t := turnstileHere(cfg.Log.Reserve, cfg.MaxWaiting)
	m, err := newMetrics(cfg.Registry, t)
	if err != nil {
		return nil, err
	}
	return &Handler{
		cfg: cfg, metrics: m, shares: gate.NewShares(cfg.MaxPerClient), turnstile: t,
		crowded: telemetry.NewComplaint(cfg.Logger, "submissions refused: more at once than this machine or the brokers can do"),
	}, nil
}

// ServeHTTP takes one submission. What a client does meanwhile, such as hanging up, changes nothing: see kafkalog.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	h.cfg.Origins.share(w.Header(), r)
	s := &submission{}
	err := h.read(s, w, r)
	if err == nil {
		err = h.validate(s, r)
	}
	if err == nil {
		err = h.take(s)
	}
	status, code := h.answer(w, r, s, err)
	h.metrics.answered(started, status, code, s.duplicate)
	h.log(r, s, status, code, err)
}

// take waits for a turn, and keeps what was sent in it. Nobody waits for a log that takes nothing.
func (h *Handler) take(s *submission) error {
	if err := h.cfg.Log.Ready(); err != nil {
		return err
	}
	if !h.shares.Take(s.client) {
		h.metrics.noShare.Inc()
		return limitedError{time.Second}
	}
	defer h.shares.Give(s.client)
	if err := h.turnstile.enter(&s.record); err != nil {
		h.metrics.noTurn.WithLabelValues(err.Error()).Inc()
		h.crowded.About(err)
		return err
	}
	defer h.turnstile.leave(s.record.Partition)
	return h.keep(s)
}

// read applies the limits and parses the body.
func (h *Handler) read(s *submission, w http.ResponseWriter, r *http.Request) error {
	kind, err := kindOf(r.Header)
	if err != nil {
		s.browser = page.WantsHTML(r)
		return err
	}
	s.browser = kind == formBody && !page.WantsJSON(r)
	if err := h.cfg.Origins.check(r); err != nil {
		return err
	}
	if err := checkQuery(r.URL.RawQuery); err != nil {
		return err
	}
	body, err := h.cfg.MaxBody.read(w, r)
	if err != nil {
		return err
	}
	s.whole = true
	if kind == formBody {
		s.input, err = parseForm(string(body))
	} else {
		s.input, err = parseJSON(body)
	}
	fillFromReferer(&s.input, r)
	return err
}

// keep claims and appends. The append happens whatever the claim says: a duplicate is an event too, and the log decides.
//
// A claim is given back only when the record is definitely not in the log, and only by the submission that made it. With an
// unknown outcome it stays: the record may be there, and then the next one of this phone is a duplicate.
func (h *Handler) keep(s *submission) error {
	appending := false
	defer func() {
		if !appending {
			h.cfg.Log.Free(&s.record)
		}
	}()
	if err := h.cfg.Log.Ready(); err != nil { // the wait may have been long
		return err
	}
	admission := h.cfg.Gate.Admit(s.client, s.event.Phone, s.event.EventID)
	if admission.Limited > 0 {
		return limitedError{admission.Limited}
	}
	appending = true
	err := h.cfg.Log.Append(&s.record)
	if admission.Claimed && kafkalog.Definite(err) {
		h.cfg.Gate.Release(s.event.Phone, s.event.EventID)
	}
	s.duplicate = admission.Duplicate
	return err
}

// log tells of every attempt at debug level, and of our own mistakes always.
func (h *Handler) log(r *http.Request, s *submission, status int, code string, err error) {
	ctx := r.Context()
	if status == http.StatusInternalServerError {
		h.cfg.Logger.ErrorContext(ctx, "submission failed inside the edge", "event_id", s.event.EventID, "err", err)
	}
	if h.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		h.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "submission", slog.String("event_id", s.event.EventID.String()),
			slog.Int("status", status), slog.String("code", code), slog.Bool("duplicate", s.duplicate))
	}
}
