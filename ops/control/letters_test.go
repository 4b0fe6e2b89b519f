package control_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"leadlog/events"
	"leadlog/ops/control"
)

func TestLetters(t *testing.T) {
	w := made(t)
	w.project()
	bad := w.poison(3)
	worse := w.append(&kgo.Record{Topic: events.Topic, Partition: 4, Key: []byte("09121234567"), Value: []byte{0xff}})
	w.awaitApplied()
	letters, err := w.system.Letters(t.Context(), "")
	if err != nil || len(letters) != 6 {
		t.Fatalf("%d letters, want 3 of each of 2 records: %v", len(letters), err)
	}
	letters, err = w.system.Letters(t.Context(), "leads")
	if err != nil || len(letters) != 2 {
		t.Fatalf("%d letters of leads, want 2: %v", len(letters), err)
	}
	for _, l := range letters {
		record, key := bad, "leads/phone-submitted/3/0"
		if l.Partition == 4 {
			record, key = worse, "leads/phone-submitted/4/0"
		}
		if l.Key != key || l.Projection != "leads" || l.Topic != events.Topic || l.Offset != 0 || l.Error == "" || l.Parked.IsZero() ||
			string(l.RecordKey) != string(record.Key) || string(l.Value) != string(record.Value) || len(l.Headers) != len(record.Headers) {
			t.Errorf("%+v", l)
		}
	}
}

func TestALetterIsClosedByItsTombstone(t *testing.T) {
	w := made(t)
	w.append(&kgo.Record{Topic: events.DeadLetterTopic, Key: []byte("leads/phone-submitted/3/42"), Value: []byte("x")})
	w.append(&kgo.Record{Topic: events.DeadLetterTopic, Key: []byte("audit/phone-submitted/3/42"), Value: []byte("x")})
	w.append(&kgo.Record{Topic: events.DeadLetterTopic, Key: []byte("leads/phone-submitted/3/42")})
	letters, err := w.system.Letters(t.Context(), "")
	if err != nil || len(letters) != 1 || letters[0].Projection != "audit" || letters[0].Offset != 42 {
		t.Fatalf("%+v, %v", letters, err)
	}
	for _, name := range []string{"audit/phone-submitted/3/42", fmt.Sprint(letters[0].Number)} {
		if l, err := w.system.Letter(t.Context(), name); err != nil || l.Key != "audit/phone-submitted/3/42" {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	if _, err := w.system.Letter(t.Context(), "leads/phone-submitted/3/42"); !errors.Is(err, control.ErrNoLetter) {
		t.Errorf("a closed one: %v", err)
	}
}

func TestALetterThatIsNoneOfOurs(t *testing.T) {
	w := made(t)
	w.append(&kgo.Record{Topic: events.DeadLetterTopic, Key: []byte("somebody/else"), Value: []byte(strings.Repeat("x", 100))})
	letters, err := w.system.Letters(t.Context(), "")
	if err != nil || len(letters) != 1 || letters[0].Offset != control.Unknown {
		t.Errorf("%+v, %v", letters, err)
	}
}
