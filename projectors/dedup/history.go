package dedup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// history is what the private key holds of a phone: its openers, the last one first. Nearly always there is one. The older
// ones are for a log that is folded again in place: an event of the past is judged by the opener before it, and not by one
// that came later.
type history []opener

// longest is how many openers of a phone are kept: one a day, as far back as a fold reaches.
const longest = 9

// before returns the last opener below an offset.
func (h history) before(offset int64) (o opener, known bool) {
	if h = h.below(offset); len(h) == 0 {
		return opener{}, false
	}
	return h[0], true
}

// opened returns the history after an event has opened a window. What an earlier fold left of later events is dropped.
func (h history) opened(o opener) history {
	h = append(history{o}, h.below(o.Offset)...)
	return h[:min(len(h), longest)]
}

func (h history) below(offset int64) history {
	for i := range h {
		if h[i].Offset < offset {
			return h[i:]
		}
	}
	return nil
}

// names says whether one of some records is in the history.
func (h history) names(records map[uuid.UUID]bool) bool {
	return slices.ContainsFunc(h, func(o opener) bool { return records[o.recordID] })
}

// String is the value of the private key: openers with commas between them.
func (h history) String() string {
	texts := make([]string, len(h))
	for i, o := range h {
		texts[i] = o.String()
	}
	return strings.Join(texts, ",")
}

func parseHistory(text string) (history, error) {
	texts := strings.Split(text, ",")
	h := make(history, len(texts))
	for i := range texts {
		var err error
		if h[i], err = parseOpener(texts[i]); err != nil {
			return nil, fmt.Errorf("not a history of openers: %w", err)
		}
	}
	return h, nil
}
