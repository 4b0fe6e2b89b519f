package media

import (
	"log/slog"
	"sync"

	"leadlog/ops/telemetry"
)

// PartName is the part of the program's health that says how S3 and site.json do. It is never worse than degraded.
const PartName = "media"

// state is what is known of S3 and of site.json. It logs what is news.
type state struct {
	health *telemetry.Health
	log    *slog.Logger

	mu   sync.Mutex
	met  bool   // S3 has answered once, or was found away
	gone string // why S3 is away; empty when it is not
	site string // what is wrong with site.json
}

// here notes that S3 has answered.
func (s *state) here() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.met && s.gone == "" {
		return
	}
	s.met, s.gone = true, ""
	s.tell()
	s.log.Info("s3: here, media are served")
}

// away notes that S3 has not.
func (s *state) away(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.gone == ""
	s.met, s.gone = true, err.Error()
	s.tell()
	if first {
		s.log.Warn("s3: away, media are answered 503, and the page says what it said", "err", err)
	}
}

// setSite notes what is wrong with site.json; nothing when it is empty.
func (s *state) setSite(wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.site = wrong
	s.tell()
}

func (s *state) tell() {
	switch {
	case s.gone != "":
		s.health.Set(PartName, telemetry.Degraded, s.gone)
	case s.site != "":
		s.health.Set(PartName, telemetry.Degraded, s.site)
	default:
		s.health.Set(PartName, telemetry.Healthy, "")
	}
}
