//go:build load

package bench

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series are the samples of one quantity of one program.
type series struct {
	name    string
	seconds []float64
	values  []float64
}

// sampler looks at programs from outside every few seconds: what a leak would show in.
type sampler struct {
	w      *whole
	began  time.Time
	series map[string]*series
	order  []string
}

// sample samples edge and projectors for as long as a load lasts: after it, its connections are gone. The returned function
// waits for the last sample.
func (w *whole) sample(every, length time.Duration) (stop func() *sampler) {
	s := &sampler{w: w, began: time.Now(), series: make(map[string]*series)}
	end, done := time.After(length), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			s.look()
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() *sampler {
		<-done
		return s
	}
}

func (s *sampler) look() {
	programs := []program{s.w.edge}
	if s.w.projectors.Cmd != nil {
		programs = append(programs, s.w.projectors)
	}
	for _, p := range programs {
		s.note(p.name+" memory, MB", memory(s.w, p.Cmd, "VmRSS"))
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
		if err != nil {
			s.w.Error(err)
		}
		s.note(p.name+" file descriptors", float64(len(open)))
		metrics := scrape(s.w, p.private)
		s.note(p.name+" goroutines", metrics["go_goroutines"])
		if connections, ok := metrics["leadlog_edge_connections"]; ok {
			s.note(p.name+" connections", connections)
		}
	}
	pool, err := s.w.stores.Postgres(s.w.Context())
	if err != nil {
		s.w.Error(err)
		return
	}
	var n float64
	const ask = `select count(*) from pg_stat_activity where datname = current_database() and application_name = 'leadlog-projectors'`
	if err := pool.QueryRow(s.w.Context(), ask).Scan(&n); err != nil {
		s.w.Error(err)
	}
	s.note("PostgreSQL connections", n)
}

func (s *sampler) note(name string, value float64) {
	if s.series[name] == nil {
		s.series[name] = &series{name: name}
		s.order = append(s.order, name)
	}
	one := s.series[name]
	one.seconds = append(one.seconds, time.Since(s.began).Seconds())
	one.values = append(one.values, value)
}

// scrape reads the gauges of a private listener that have no labels.
func scrape(w *whole, address string) map[string]float64 {
	values := make(map[string]float64)
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		w.Error(err)
		return values
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		w.Error(err)
	}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetGauge() != nil && len(m.GetLabel()) == 0 {
				values[name] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

// settled leaves out the first third, in which caches and heaps fill.
func (s *series) settled() *series {
	from := len(s.values) / 3
	return &series{s.name, s.seconds[from:], s.values[from:]}
}

// line fits a straight line by least squares, and returns its mean and its slope a second.
func (s *series) line() (mean, slope float64) {
	var x, xx, xy float64
	n := float64(len(s.values))
	for i := range s.values {
		x += s.seconds[i] / n
		mean += s.values[i] / n
	}
	for i := range s.values {
		xx += (s.seconds[i] - x) * (s.seconds[i] - x)
		xy += (s.seconds[i] - x) * (s.values[i] - mean)
	}
	if xx == 0 {
		return mean, 0
	}
	return mean, xy / xx
}

// mayGrow is by how much of its mean a quantity may change, along the fitted line, and still be called flat.
const mayGrow = 0.1

// flat tells each quantity's line, and whether all of those that are named (all of them when none is) are flat.
func (s *sampler) flat(target string, of ...string) {
	s.w.Helper()
	for _, name := range s.order {
		if len(of) > 0 && !strings.Contains(strings.Join(of, " "), name) {
			continue
		}
		one := s.series[name].settled()
		if len(one.values) < 3 {
			s.w.Errorf("%s: %d samples are no line", name, len(one.values))
			continue
		}
		mean, slope := one.line()
		last := len(one.seconds) - 1
		drift := slope * (one.seconds[last] - one.seconds[0])
		// A handful of descriptors or goroutines comes and goes with single requests.
		goal(s.w, target+": "+name+" flat", drift <= max(mayGrow*mean, 3),
			"mean %.1f, fitted %+.2f over %.0f s (%+.1f an hour), %d samples", mean, drift, one.seconds[last]-one.seconds[0], slope*3600, len(one.values))
	}
}
