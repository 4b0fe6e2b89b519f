//go:build faults

package faults

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// TestMain is also the slow crowd and whom it is sent to first, which need processes of their own for the files that they open.
func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // a Redis whose connections break is what some scenarios are about
	if os.Getenv(crowdEnv) != "" {
		os.Exit(crowd(os.Getenv(crowdEnv), os.Stdin, os.Stdout))
	}
	if os.Getenv(bareEnv) != "" {
		os.Exit(bare(os.Getenv(bareEnv), os.Stdin, os.Stdout))
	}
	flag.String("scenario", "", "run these scenarios alone: numbers or names, separated by commas")
	flag.Uint64("seed", 1, "what phones, keys and the random schedule are made of")
	flag.Float64("minutes", 2, "how long random faults go on")
	flag.Float64("slack", 1, "what limits of time and of unknown outcomes are multiplied by, on a machine that others use, too")
	flag.String("keep", "", "where a scenario that fails leaves its logs, ids and receipts")
	flag.Parse()
	os.Exit(m.Run())
}

// setting returns the value of one of the flags above, as text.
func setting(name string) string { return flag.Lookup(name).Value.String() }

func seed() uint64 {
	n, _ := strconv.ParseUint(setting("seed"), 10, 64) // package flag has parsed it
	return n
}

func slack() float64 {
	times, _ := strconv.ParseFloat(setting("slack"), 64)
	return times
}

func minutes() time.Duration {
	m, _ := strconv.ParseFloat(setting("minutes"), 64)
	return time.Duration(m * float64(time.Minute))
}

// scenario is a fault, or a control.
type scenario struct {
	name  string // the number of the fault, and a word
	short bool   // is part of the short form
	run   func(r *run)
}

// scenarios lists all that is run, in this order. The controls come first: where the checker does not see, nothing that it says counts.
func scenarios() []scenario {
	return slices.Concat(controls(), randomFaults(), brokerFaults(), networkFaults(), edgeFaults(), projectorFaults(), storeFaults())
}

// picked says whether the flags ask for a scenario.
func (s scenario) picked() bool {
	wanted := setting("scenario")
	if wanted == "" {
		return s.short || !testing.Short()
	}
	number, _, _ := strings.Cut(s.name, " ")
	for each := range strings.SplitSeq(wanted, ",") {
		if each = strings.TrimSpace(each); each == number || each == s.name {
			return true
		}
	}
	return false
}

// Whatever breaks, nothing that was acknowledged is lost, nothing is applied twice, and nothing appears that nobody sent.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	began := time.Now()
	for _, s := range scenarios() {
		if !s.picked() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			r := &run{T: t, world: w, name: s.name, planted: make(map[string]bool)}
			r.random = rand.New(rand.NewPCG(seed(), own(s.name)))
			r.dir = filepath.Join(w.dir, "runs", strings.ReplaceAll(s.name, " ", "-"))
			must(t, os.MkdirAll(r.dir, 0o700))
			defer r.report(time.Now())
			defer r.close()
			s.run(r)
		})
	}
	t.Logf("seed %d, slack %v, %d processors, %s, %s:\n%s\n%s", seed(), slack(), runtime.NumCPU(), began.UTC().Format("2006-01-02 15:04 UTC"),
		time.Since(began).Round(time.Second), tableHead, strings.Join(w.table, "\n"))
}

// own makes a scenario's phones and keys its own.
func own(name string) uint64 {
	sum := fnv.New64()
	_, _ = sum.Write([]byte(name))
	return sum.Sum64()
}

const tableHead = `| scenario | result | offered | acknowledged | unknown | refused | lost | phantom | twice | longest time without an ack | time to heal | what was seen |
|---|---|---|---|---|---|---|---|---|---|---|---|`

// report writes the scenario's line.
func (r *run) report(began time.Time) {
	if r.load == nil || r.Skipped() {
		r.table = append(r.table, fmt.Sprintf("| %s | %s | | | | | | | | | | |", r.name, result(r.T)))
		return
	}
	all := r.load.since(r.load.began)
	line := fmt.Sprintf("| %s | %s | %d | %d | %d | %d | %d | %d | %d | %s | %s | %s |", r.name, result(r.T),
		len(all), count(all, acknowledged), count(all, unknown), count(all, refused),
		r.verdict.count(lost), r.verdict.count(phantom), r.verdict.count(twice, wentBack),
		round(r.load.longestGap(r.load.began, r.load.stopped)), round(r.healed), strings.Join(append(r.bites, r.figures...), "; "))
	r.table = append(r.table, line)
	r.Logf("%s (%s)", line, round(time.Since(began)))
}

func result(t *testing.T) string {
	switch {
	case t.Failed():
		return "FAILED"
	case t.Skipped():
		return "skipped"
	}
	return "held"
}

func round(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// holds heals and checks: the end of every scenario but the controls.
func (r *run) holds() {
	r.Helper()
	r.heal()
	if v := r.check(); len(v) > 0 {
		r.Errorf("promises are broken:\n%s", v)
	}
}
