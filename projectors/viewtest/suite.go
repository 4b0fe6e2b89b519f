// Package viewtest is the conformance suite of the seam: what every projection on every store that it supports must do.
// A new store, or a new projection, is one more fixture.
package viewtest

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/projectors/view"
)

// Subject is a fresh, empty view in a store of its own.
type Subject struct {
	View view.View
	// Draft makes the tables of another version, and the view of it that nobody reads yet; nil for a view that has none.
	Draft func(t *testing.T, version int) view.View
	// RemovePosition makes the position go, as a table that was lost would.
	RemovePosition func(ctx context.Context, s view.Stream) error
	// InPlace is set for a view that a rewind leaves as it is, to be folded again in place (dedup).
	InPlace bool
}

// Run runs every case against subjects that open makes.
func Run(t *testing.T, open func(*testing.T) Subject) {
	for name, check := range map[string]func(*harness){
		"a batch is applied once":                            appliedOnce,
		"a zombie is fenced and has written nothing":         zombie,
		"a wrong next offset is fenced":                      wrongNext,
		"a pause stops claim and apply until it ends":        held,
		"a rewind of a paused partition leaves it paused":    rewindPaused,
		"what moved a position by hand stays written on it":  causeKept,
		"the pace is kept":                                   paceKept,
		"a skip is a hole that everybody knows":              skip,
		"a skip begins at the position":                      skipElsewhere,
		"a hole never shrinks":                               skipAgain,
		"a topic made anew is adopted":                       adopt,
		"what the log says is what the view holds":           derived,
		"openers are those of the fold":                      openersOfFold,
		"rows and counts keep to their bounds":               bounds,
		"a draft and the live view do not touch each other":  drafts,
		"a position that is gone is told, and not made up":   gone,
		"a topic made anew is told":                          otherTopic,
		"the first position is stored once":                  createdOnce,
		"an empty batch moves the position":                  emptyBatch,
		"partitions do not touch each other":                 partitions,
		"a tombstone forgets its record":                     tombstone,
		"a tombstone of an unknown record is nothing":        tombstoneBefore,
		"a tombstone in its record's own batch":              tombstoneInBatch,
		"an erased opener makes room for a new one":          erasedOpener,
		"a rewind fences, removes and is applied again":      rewind,
		"a rewind never leads forwards":                      rewindForwards,
		"a rewind of an idle partition shows in the store":   rewindIdle,
		"any cut into batches gives the same rows":           anySplit,
		"rebuilt from zero gives the same rows":              rebuilt,
		"an alarm is kept until it is taken back":            alarms,
		"whatever Decode lets through, the store takes":      extremes,
		"the window is judged by the last opener in the log": clockBackwards,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(&harness{T: t, Subject: open(t), stream: stream(3)})
		})
	}
}

// harness is one case's subject and the few steps that cases are made of.
type harness struct {
	*testing.T
	Subject
	stream  view.Stream
	version int // of a draft
}

const topicID = "0191d5a0-0000-7000-8000-000000000001"

func stream(partition int32) view.Stream {
	return view.Stream{Topic: events.Topic, TopicID: uuid.MustParse(topicID), Partition: partition}
}

func (h *harness) ctx() context.Context { return h.Context() }

// claim returns a claimed position, the first one at offset 0.
func (h *harness) claim() view.Position {
	h.Helper()
	h.stream.Projection = h.View.Name()
	at, err := h.View.Claim(h.ctx(), h.stream)
	if errors.Is(err, view.ErrPositionGone) {
		if err := h.View.Create(h.ctx(), view.Position{Stream: h.stream, Mark: view.Mark{Next: 0, Epoch: -1}, Version: h.version}); err != nil {
			h.Fatalf("create: %v", err)
		}
		at, err = h.View.Claim(h.ctx(), h.stream)
	}
	if err != nil {
		h.Fatalf("claim: %v", err)
	}
	return at
}

// apply applies a batch that must be taken.
func (h *harness) apply(at view.Position, batch ...events.Event) view.Position {
	h.Helper()
	moved, err := h.try(at, batch...)
	if err != nil {
		h.Fatalf("apply %d events at %d: %v", len(batch), at.Next, err)
	}
	if want := after(at, batch); moved.Next != want {
		h.Fatalf("after the batch the position is %d, want %d", moved.Next, want)
	}
	return moved
}

func (h *harness) try(at view.Position, batch ...events.Event) (view.Position, error) {
	return h.View.Apply(h.ctx(), at, view.Mark{Next: after(at, batch), Epoch: 1}, batch)
}

func after(at view.Position, batch []events.Event) int64 {
	if len(batch) == 0 {
		return at.Next
	}
	return batch[len(batch)-1].Offset + 1
}

// rows returns what the view holds of the case's partition.
func (h *harness) rows() []view.Row {
	h.Helper()
	var rows []view.Row
	for row, err := range h.View.Rows(h.ctx(), h.stream.Partition, 0, math.MaxInt64) {
		if err != nil {
			h.Fatalf("rows: %v", err)
		}
		rows = append(rows, row)
	}
	return rows
}

func (h *harness) mustBe(err, want error) {
	h.Helper()
	if !errors.Is(err, want) {
		h.Fatalf("got error %v, want %v", err, want)
	}
}

func (h *harness) sameRows(got, want []view.Row, why string) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Fatalf("%s: rows differ (-want +got):\n%s", why, diff)
	}
}
