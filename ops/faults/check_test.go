//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// kind is a way in which a promise may be broken.
type kind string

const (
	lost          kind = "lost"          // acknowledged, and not in the log
	phantom       kind = "phantom"       // in the log, and nobody was told so
	refusedYet    kind = "refused"       // refused, and in the log all the same
	twice         kind = "twice"         // one record key or receipt in two records, or one record in two rows
	wrongReceipt  kind = "receipt"       // the edge answered with another id than the key gives
	missing       kind = "missing"       // a view lacks a record
	extra         kind = "extra"         // a view has what the log does not make
	wrongVerdict  kind = "verdict"       // a view calls an opener a duplicate, or the other way round
	notAtEnd      kind = "not at end"    // a position is not the log's end
	wentBack      kind = "went back"     // a position went back, and nobody had rewound it
	cantBeChecked kind = "can't be read" // the checker could not read what it has to compare
)

// finding is one broken promise.
type finding struct {
	kind kind
	what string
}

// verdict is all that is wrong. It keeps every id: they go to the folder that a failed scenario leaves.
type verdict []finding

func (v *verdict) add(k kind, format string, args ...any) {
	*v = append(*v, finding{k, fmt.Sprintf(format, args...)})
}

func (v verdict) count(kinds ...kind) (n int) {
	for _, f := range v {
		if slices.Contains(kinds, f.kind) {
			n++
		}
	}
	return n
}

// String tells how many there are of each kind, and shows one of each.
func (v verdict) String() string {
	example, n := make(map[kind]string), make(map[kind]int)
	for _, f := range v {
		n[f.kind]++
		if example[f.kind] == "" {
			example[f.kind] = f.what
		}
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		lines = append(lines, fmt.Sprintf("%s: %d, such as %s", k, n[k], example[k]))
	}
	return strings.Join(lines, "\n")
}

// evidence is what a check compares.
type evidence struct {
	receipts []receipt
	planted  map[string]bool // record keys that the suite itself has put into the log
	log      []entry
	letters  map[string]map[string]bool
	ends     map[int32]int64
	at       positions
	leads    []row
	audit    []row
	dedup    map[string]string
	back     []string // positions that were seen to go back
}

// gather reads the log and the views once more, from their beginning.
func (r *run) gather(ctx context.Context) (e evidence, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.receipts, e.planted, e.back = r.load.since(r.load.began), r.planted, r.watch.wentBack()
	var errs [6]error
	e.log, errs[0] = r.cluster.readLog(ctx)
	e.letters, errs[1] = r.cluster.readLetters(ctx)
	e.ends, errs[2] = r.cluster.ends(ctx)
	e.at, _ = r.views.positions(ctx) // a store that does not answer is behind
	e.leads, errs[3] = r.views.leads(ctx)
	e.audit, errs[4] = r.views.audit(ctx)
	e.dedup, errs[5] = r.views.dedup(ctx, slices.Collect(maps.Keys(fold(e.log).last)))
	return e, errors.Join(errs[:]...)
}

// judge compares what clients were told with the log, and each view with the fold of the log: by ids, never by totals.
func (e evidence) judge() (v verdict) {
	e.judgeReceipts(&v)
	folded := fold(e.log)
	e.judgeLeads(&v, folded)
	e.judgeAudit(&v, folded)
	e.judgeDedup(&v, folded)
	for _, left := range e.at.behind(e.ends) {
		v.add(notAtEnd, "%s", left)
	}
	for _, back := range e.back {
		v.add(wentBack, "%s", back)
	}
	return v
}

// judgeReceipts: A \ L is empty, L \ (A u U) is empty, R and L share nothing, and nothing is in the log twice.
func (e evidence) judgeReceipts(v *verdict) {
	told := map[outcome]map[string]bool{acknowledged: {}, unknown: {}, refused: {}}
	for _, r := range e.receipts {
		told[r.Outcome][r.ID] = true
		if r.Answered != "" {
			v.add(wrongReceipt, "%s, answered %s", r.ID, r.Answered)
		}
	}
	ids, keys := make(map[string]int), make(map[string]int)
	for _, l := range e.log {
		keys[l.key]++
		if e.planted[l.key] {
			continue
		}
		ids[l.id]++
		if !told[acknowledged][l.id] && !told[unknown][l.id] && !told[refused][l.id] {
			v.add(phantom, "%s at %d/%d", l.id, l.partition, l.offset)
		}
	}
	for id := range told[acknowledged] {
		if ids[id] == 0 {
			v.add(lost, "%s", id)
		}
	}
	for id := range told[refused] {
		if ids[id] > 0 {
			v.add(refusedYet, "%s", id)
		}
	}
	for name, n := range map[string]map[string]int{"receipt": ids, "record key": keys} {
		for id, times := range n {
			if times > 1 {
				v.add(twice, "%s %s is in the log %d times", name, id, times)
			}
		}
	}
}

// judgeLeads: the rows are the openers, each of its own record, each once.
func (e evidence) judgeLeads(v *verdict, f folded) {
	there := make(map[string]bool)
	for _, r := range e.leads {
		o, is := f.openers[r.key]
		switch {
		case there[r.key]:
			v.add(twice, "lead %s", r.key)
		case !is:
			v.add(extra, "lead %s at %d/%d", r.key, r.partition, r.offset)
		case o.partition != r.partition || o.offset != r.offset:
			v.add(extra, "lead %s at %d/%d, and the record is at %d/%d", r.key, r.partition, r.offset, o.partition, o.offset)
		}
		there[r.key] = true
	}
	for key, o := range f.openers {
		if !there[key] {
			v.add(missing, "lead %s at %d/%d", key, o.partition, o.offset)
		}
	}
}

// judgeAudit: the documents are the log without the dead letters, each with the right verdict, each record once.
func (e evidence) judgeAudit(v *verdict, f folded) {
	want := make(map[string]entry)
	for _, l := range e.log {
		if !e.letters["audit"][l.key] {
			want[l.key] = l
		}
	}
	there, places := make(map[string]bool), make(map[string]bool)
	for _, r := range e.audit {
		there[r.key] = true
		place := fmt.Sprintf("%d/%d", r.partition, r.offset)
		if places[place] {
			v.add(twice, "document of %s", place)
		}
		places[place] = true
		l, is := want[r.key]
		if !is || l.partition != r.partition || l.offset != r.offset {
			v.add(extra, "document %s at %s", r.key, place)
			continue
		}
		if _, opener := f.openers[r.key]; opener == r.duplicate {
			v.add(wrongVerdict, "document %s says duplicate=%v", r.key, r.duplicate)
		}
	}
	for key, l := range want {
		if !there[key] {
			v.add(missing, "document %s at %d/%d", key, l.partition, l.offset)
		}
	}
	for _, l := range e.log {
		for _, projection := range []string{"leads", "audit", "dedup"} {
			if l.poison && !e.letters[projection][l.key] {
				v.add(missing, "dead letter of %s at %d/%d", projection, l.partition, l.offset)
			}
		}
	}
}

// judgeDedup: each open window's key names its opener.
func (e evidence) judgeDedup(v *verdict, f folded) {
	for phone, o := range f.last {
		if time.Since(time.UnixMilli(o.at)) > 23*time.Hour {
			continue
		}
		if want := fmt.Sprintf("o|%s|%d", o.id, o.at); e.dedup[phone] != want {
			v.add(missing, "dedup key of record %s is %q", o.key, e.dedup[phone])
		}
	}
}
