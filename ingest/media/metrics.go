package media

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of a request for media.
const (
	outcomeOK          = "ok"
	outcomeNotFound    = "not_found"
	outcomeUnavailable = "unavailable" // S3 is away, slow, or stalled in the middle
	outcomeRefused     = "refused"     // too many streams, or a request that can't be meant
)

func newAnswers() *prometheus.CounterVec {
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadlog_edge_media_requests_total",
		Help: "Requests for media, by what became of them.",
	}, []string{"outcome"})
	for _, outcome := range []string{outcomeOK, outcomeNotFound, outcomeUnavailable, outcomeRefused} {
		answers.WithLabelValues(outcome) // a rate needs the zero
	}
	return answers
}
