package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/catalog"
	"leadlog/projectors/leads"
	"leadlog/projectors/view"
)

// DefaultDifferences is how many differences of a view are named unless a verification says otherwise. All are counted.
const DefaultDifferences = 100

var (
	// ErrRewoundMeanwhile is returned of a view that was rewound while it was verified: rows went that were to be compared.
	ErrRewoundMeanwhile = errors.New("was rewound meanwhile: run again")
	// ErrNoPosition is returned of a view that has none in some partition: there is no end up to which it could be compared.
	ErrNoPosition = errors.New("has no position: nobody has filled it yet, or it was lost (`ops status` tells)")
)

// Verification says which views are compared with the log.
type Verification struct {
	// Views are names of the catalog. None means every view whose store is given.
	Views []string
	// Partitions that are compared.
	Partitions Partitions
	// Limit is how many differences of a view are named. 0 means DefaultDifferences.
	Limit int
	// Progress is called when a stage begins, and now and then while it lasts, by one goroutine at a time; nil means never.
	Progress func(VerifyProgress)

	seeds   seeds
	expired time.Time // what is older is not compared between leads and audit
}

// Stage is what a verification is busy with.
type Stage string

// The stages of a view.
const (
	Reading   Stage = "reading"   // log and view, and comparing sums
	Comparing Stage = "comparing" // row by row, where the sums differ
	Crossing  Stage = "crossing"  // leads with audit
)

// VerifyProgress is how far a verification is with one view.
type VerifyProgress struct {
	View      string
	Stage     Stage
	Done, All int64 // records of the log
}

// DifferenceKind is what is wrong with a row.
type DifferenceKind string

// The kinds.
const (
	RowMissing   DifferenceKind = "missing"   // the log says that it must be there
	RowExtra     DifferenceKind = "extra"     // the log says that it must not
	RowDifferent DifferenceKind = "different" // it is there, but not as the log says
	// KeyUsedTwice: it is missing, since a producer has used its record's key once more, which none may. The audit log keeps the
	// last record of a key, as a compacted topic does.
	KeyUsedTwice DifferenceKind = "key used twice"
	OnlyInLeads  DifferenceKind = "in leads, not in audit"
	OnlyInAudit  DifferenceKind = "in audit, not in leads"
)

// Difference is a row of a view that is not as the log says.
type Difference struct {
	View      string
	Kind      DifferenceKind
	Partition int32
	Offset    int64 // Unknown for a key of dedup that no event explains
	RecordID  uuid.UUID
	Phone     string
	Columns   []string // that differ; of KeyUsedTwice the place of the record that stands for it
}

// Verified is one view, compared with the log.
type Verified struct {
	View                      string
	Partitions                int
	Events, Rows              int64 // that were read
	Missing, Extra, Different int64
	// Beyond is how many of Extra stand where no rewind reaches: past a position, or in a partition that the log does not have.
	Beyond int64
	// KeysUsedTwice is how many rows stand for two records.
	KeysUsedTwice int64
	Took          time.Duration
	// Notes are what should be known of the comparison, such as that a partition is paused.
	Notes []string
	// Lowest is the first offset of each partition that has a difference.
	Lowest map[int32]int64
	// Differences are the first ones of each partition, as many as were asked for in all.
	Differences []Difference
	// Err is why the view could not be compared.
	Err error
}

// Count is how many differences there are.
func (v *Verified) Count() int64 { return v.Missing + v.Extra + v.Different + v.KeysUsedTwice }

// Mendable is how many of them another version of the view would not have, too: that a record key was used twice is the log's.
func (v *Verified) Mendable() int64 { return v.Count() - v.KeysUsedTwice }

// Crossed is the openers of audit, compared with the rows of leads.
type Crossed struct {
	Done                     bool // both were asked for, and both could be read
	OnlyInLeads, OnlyInAudit int64
	Differences              []Difference
}

// Report is what a verification found.
type Report struct {
	Views   []Verified
	Crossed Crossed
}

// Clean says whether every view was compared, and is as the log says.
func (r *Report) Clean() bool {
	return r.Crossed.OnlyInLeads+r.Crossed.OnlyInAudit == 0 &&
		!slices.ContainsFunc(r.Views, func(v Verified) bool { return v.Err != nil || v.Count() > 0 })
}

// Err returns why views could not be compared; nil when all were.
func (r *Report) Err() error {
	var errs []error
	for _, v := range r.Views {
		if v.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", v.View, v.Err))
		}
	}
	return errors.Join(errs...)
}

// Verify derives views from the log again, each up to its positions as they are when it begins, and compares row by row what
// the stores hold. It works while traffic flows. A view that can't be compared says so in its Err; the error is the log's, or
// about a name that there is not.
func (s *System) Verify(ctx context.Context, what Verification) (Report, error) {
	entries, err := catalog.Pick(s.cfg.URLs, what.names(s)...)
	if err != nil {
		return Report{}, err
	}
	if err := s.needKafka(); err != nil {
		return Report{}, err
	}
	if err := (Partitions{Numbers: what.Partitions.Numbers}).check(); err != nil {
		return Report{}, err
	}
	what.fill()
	var report Report
	crossing := make(map[string]*viewCheck)
	for _, e := range entries {
		v, err := s.open(ctx, e)
		if err != nil {
			report.Views = append(report.Views, Verified{View: e.Name, Err: err})
			continue
		}
		if v.Derived() == nil {
			report.Views = append(report.Views, s.verifyWindows(ctx, v, what))
			continue
		}
		check := s.newCheck(v, what)
		report.Views = append(report.Views, check.run(ctx))
		crossing[e.Name] = check
	}
	if in, on := crossing[leads.Name], crossing[audit.Name]; in.read() && on.read() {
		report.Crossed, err = s.cross(ctx, in, on, what)
	}
	return report, err
}

// verifyView compares one view with the log, of whatever version: a draft too.
func (s *System) verifyView(ctx context.Context, v view.View, what Verification) Verified {
	what.fill()
	return s.newCheck(v, what).run(ctx)
}

// topic is what the views are made of.
func (what *Verification) topic() string { return cmp.Or(what.Partitions.Topic, events.Topic) }

// fill sets what was left out.
func (what *Verification) fill() {
	what.Limit = cmp.Or(what.Limit, DefaultDifferences)
	what.Progress = oneAtATime(what.Progress)
	what.seeds = newSeeds()
	what.expired = expiring()
}

func (what *Verification) names(s *System) []string {
	if len(what.Views) > 0 {
		return what.Views
	}
	var names []string
	for _, e := range s.Entries() {
		names = append(names, e.Name)
	}
	return names
}

func oneAtATime(tell func(VerifyProgress)) func(VerifyProgress) {
	if tell == nil {
		return func(VerifyProgress) {}
	}
	var mu sync.Mutex
	return func(p VerifyProgress) {
		mu.Lock()
		defer mu.Unlock()
		tell(p)
	}
}
