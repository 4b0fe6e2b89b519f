package runner

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadlog/projectors/view"
)

// Metrics of all projections of a process.
type Metrics struct {
	applied  *prometheus.CounterVec
	parked   *prometheus.CounterVec
	fenced   *prometheus.CounterVec
	foreign  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	age      *prometheus.HistogramVec
	next     *prometheus.GaugeVec
	lag      *prometheus.GaugeVec
	state    *prometheus.GaugeVec
}

// NewMetrics registers the metrics; with a nil registerer nobody sees them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"projection"}, labels...))
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"projection", "partition"}, labels...))
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}, []string{"projection"})
	}
	m := &Metrics{
		applied:  counter("leadlog_applied_events_total", "Records that moved a position: events, tombstones and poison."),
		parked:   counter("leadlog_dead_letters_total", "Records parked in the dead-letter topic."),
		fenced:   counter("leadlog_fenced_total", "Batches dropped because the position had moved on."),
		foreign:  counter("leadlog_foreign_commits_total", "Offsets committed by a person with a Kafka tool.", "answer"),
		duration: histogram("leadlog_apply_duration_seconds", "Time to apply one batch to the store."),
		age:      histogram("leadlog_event_age_seconds", "Time from the broker's timestamp of a batch's last event until it was applied."),
		next:     gauge("leadlog_position_next_offset", "First offset that is not applied."),
		lag:      gauge("leadlog_position_lag", "Offsets between the position and the end of the partition."),
		state:    gauge("leadlog_partition_state", "1 for the state that the partition is in: running, held, waiting, stopped.", "state"),
	}
	if reg != nil {
		reg.MustRegister(m.applied, m.parked, m.fenced, m.foreign, m.duration, m.age, m.next, m.lag, m.state)
	}
	return m
}

// onApplied counts a batch that was applied since started. end is the partition's end, and last the time of its last event.
func (m *Metrics) onApplied(at view.Position, records int, end int64, started, last time.Time) {
	p := strconv.Itoa(int(at.Partition))
	m.applied.WithLabelValues(at.Projection).Add(float64(records))
	m.duration.WithLabelValues(at.Projection).Observe(time.Since(started).Seconds())
	m.age.WithLabelValues(at.Projection).Observe(time.Since(last).Seconds())
	m.next.WithLabelValues(at.Projection, p).Set(float64(at.Next))
	m.lag.WithLabelValues(at.Projection, p).Set(float64(max(end-at.Next, 0)))
}

func (m *Metrics) onState(projection string, partition int32, now State) {
	p := strconv.Itoa(int(partition))
	for _, s := range []State{Running, Held, Waiting, Stopped} {
		value := 0.0
		if s == now {
			value = 1
		}
		m.state.WithLabelValues(projection, p, string(s)).Set(value)
	}
}

// forget drops the gauges of a partition that is not ours any more: another process shows them now.
func (m *Metrics) forget(projection string, partition int32) {
	labels := prometheus.Labels{"projection": projection, "partition": strconv.Itoa(int(partition))}
	for _, g := range []*prometheus.GaugeVec{m.next, m.lag, m.state} {
		g.DeletePartialMatch(labels)
	}
}
