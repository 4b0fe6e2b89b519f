package telemetry

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Status of a part of a program, or of the whole.
type Status string

// The three statuses. A program is as healthy as its worst part.
const (
	Healthy  Status = "healthy"
	Degraded Status = "degraded"  // works, but somebody should look
	NotReady Status = "not_ready" // can't do its work now; /readyz and /healthz answer 503
)

// Part is one thing a program's health is made of: a dependency, or a partition.
type Part struct {
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // why; may name addresses, so the public listener leaves it out
}

// Health gathers what the parts of a program say of themselves. Nothing is asked when a probe comes, so that a probe costs
// nothing and can't hang. The zero value is not usable; see NewHealth.
type Health struct {
	mu    sync.Mutex
	parts map[string]Part
}

// NewHealth returns a health that is not ready before each required part has said otherwise.
func NewHealth(required ...string) *Health {
	h := &Health{parts: make(map[string]Part)}
	for _, name := range required {
		h.parts[name] = Part{Status: NotReady, Detail: "not seen yet"}
	}
	return h
}

// Set records a part's status and why. It reports whether the status changed, so that callers log changes and not states.
func (h *Health) Set(name string, status Status, detail string) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.parts[name].Status != status
	h.parts[name] = Part{Status: status, Detail: detail}
	return changed
}

// Forget drops a part, such as a partition that another process has now.
func (h *Health) Forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts, name)
}

// Snapshot returns the whole program's status and every part's.
func (h *Health) Snapshot() (Status, map[string]Part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	worst := Healthy
	for _, p := range h.parts {
		if p.Status == NotReady || worst == Healthy {
			worst = p.Status
		}
		if worst == NotReady {
			break
		}
	}
	return worst, maps.Clone(h.parts)
}

// Register adds /livez, /readyz and /healthz. detailed says whether /healthz may tell why: on the private listener only.
func (h *Health) Register(mux *http.ServeMux, detailed bool) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if status, _ := h.Snapshot(); status == NotReady {
			plain(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { h.serve(w, detailed) })
}

func (h *Health) serve(w http.ResponseWriter, detailed bool) {
	status, parts := h.Snapshot()
	if !detailed {
		for name, p := range parts {
			parts[name] = Part{Status: p.Status}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if status == NotReady {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct { // the client hung up: nobody is left to tell
		Status       Status          `json:"status"`
		Dependencies map[string]Part `json:"dependencies"`
	}{status, parts})
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text))
}
