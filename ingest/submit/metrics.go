package submit

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/events"
)

// metrics of the endpoint. The first two have the names and the meaning that dashboards and alerts know: an error is a
// failure of ours (5xx). What a client did wrong is counted by outcome alone, so that somebody who posts rubbish pages nobody.
type metrics struct {
	success, errors, duplicate prometheus.Counter

	duration    prometheus.Histogram
	rateLimited prometheus.Counter
	noTurn      *prometheus.CounterVec
	noShare     prometheus.Counter
	outcomes    *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer, turns *turnstile) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "endpoint_requests_total", Help: "Submissions answered, by status: success, duplicate, error (5xx).",
	}, []string{"status"})
	m := &metrics{
		success: requests.WithLabelValues("success"), errors: requests.WithLabelValues("error"),
		duplicate: requests.WithLabelValues("duplicate"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "endpoint_request_duration_seconds", Help: "Time from a submission's headers to its answer.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5},
		}),
		rateLimited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadlog_edge_rate_limited_total", Help: "Submissions answered 429. Thousands may share one address behind a carrier's NAT.",
		}),
		noTurn: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadlog_edge_turns_refused_total", Help: "Submissions answered 503 overloaded, by reason: waited (for 2 s), line (too many wait).",
		}, []string{"reason"}),
		noShare: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadlog_edge_shares_refused_total", Help: "Submissions answered 429 since that client had MAX_CONNECTIONS_PER_CLIENT of them at once.",
		}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadlog_edge_outcomes_total", Help: "Submissions by outcome: acked, rejected (4xx), rate_limited, or the code of the 5xx.",
		}, []string{"outcome"}),
	}
	m.noTurn.WithLabelValues(errWaited.Error())
	m.noTurn.WithLabelValues(errLine.Error())
	collectors := []prometheus.Collector{
		requests, m.duration, m.rateLimited, m.noTurn, m.noShare, m.outcomes,
		gaugeOf("leadlog_edge_turns", "Submissions that this machine works on at once: 1,024 a processor.", nil, func() int64 { return turns.turns }),
		gaugeOf("leadlog_edge_turns_taken", "Submissions that are worked on, those that wait for their ack among them.", nil, turns.workedOn),
	}
	for p := range int32(events.Partitions) {
		collectors = append(collectors, gaugeOf("leadlog_edge_turns_awaited", "Submissions that wait for a turn, for 2 s at most.",
			prometheus.Labels{"partition": strconv.Itoa(int(p))}, func() int64 { return turns.waitingFor(p) }))
	}
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the endpoint: %w", err)
		}
	}
	return m, nil
}

func gaugeOf(name, help string, labels prometheus.Labels, value func() int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(value()) })
}

// answered counts one answer. code is the problem's, empty for an ack.
func (m *metrics) answered(started time.Time, status int, code string, duplicate bool) {
	m.duration.Observe(time.Since(started).Seconds())
	switch {
	case code == "" && duplicate:
		m.duplicate.Inc()
		code = "acked"
	case code == "":
		m.success.Inc()
		code = "acked"
	case status >= http.StatusInternalServerError:
		m.errors.Inc()
	case status == http.StatusTooManyRequests:
		m.rateLimited.Inc()
	default:
		code = "rejected"
	}
	m.outcomes.WithLabelValues(code).Inc()
}
