package bench

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"
)

// comparison is the table that a run of benchmarks ends with.
var comparison struct {
	sync.Mutex

	rows []table.Row
}

// against is one figure beside its reference. Goal is the ratio that is wanted, with its sign: ">= 0.9"; empty for none.
type against struct {
	what, reference string
	unit            string
	ours, theirs    float64
	goal            string
}

// compare adds a row to the table.
func compare(b *testing.B, a against) {
	b.Helper()
	ratio := a.ours / a.theirs
	add(b, table.Row{a.what, number3(a.ours) + " " + a.unit, a.reference, number3(a.theirs) + " " + a.unit, fmt.Sprintf("%.2f", ratio), a.goal, verdict(b, ratio, a.goal)})
}

// measure adds a row without a reference, whose goal is about the figure itself.
func measure(b *testing.B, what string, value float64, unit, goal string) {
	b.Helper()
	add(b, table.Row{what, number3(value) + " " + unit, "", "", "", goal, verdict(b, value, goal)})
}

func add(b *testing.B, row table.Row) {
	b.Helper()
	comparison.Lock()
	comparison.rows = append(comparison.rows, row)
	comparison.Unlock()
	texts := make([]string, len(row))
	for i, cell := range row {
		texts[i] = fmt.Sprint(cell)
	}
	note(b, strings.Join(texts, " | "))
}

// verdict holds a value against a goal.
func verdict(b *testing.B, value float64, goal string) string {
	b.Helper()
	var sign string
	var bound float64
	if goal == "" {
		return ""
	}
	if _, err := fmt.Sscanf(goal, "%s %f", &sign, &bound); err != nil {
		b.Fatalf("goal %q: %v", goal, err)
	}
	if sign == ">=" && value >= bound || sign == "<=" && value <= bound {
		return "reached"
	}
	return "NOT reached"
}

// number3 has three digits or more.
func number3(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}

// printTable prints what was compared, if anything was.
func printTable() {
	comparison.Lock()
	defer comparison.Unlock()
	if len(comparison.rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"what", "measured", "reference", "measured", "ratio", "goal", ""})
	t.AppendRows(comparison.rows)
	t.Render()
}
