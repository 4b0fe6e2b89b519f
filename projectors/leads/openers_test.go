package leads_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leadlog/events"
	"leadlog/projectors/leads"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

// A connection makes its plans in its first transactions, and keeps them. When a month begins, these see a table with
// nothing in it, where each index looks as good as any other; a minute later it is the wrong one that reads every lead of two days
// for each event.
func TestTheLookUpPlannedInAnEmptyMonthGoesByPhone(t *testing.T) {
	t.Parallel()
	v, pool := table(t)
	stream := view.Stream{Projection: leads.Name, Topic: events.Topic, Partition: 3}
	if err := v.Create(t.Context(), view.Position{Stream: stream}); err != nil {
		t.Fatal(err)
	}
	at, err := v.Claim(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	month := time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC)
	for i := range int64(3) { // so that there are months before and after, which are not to be looked into
		if at, err = v.Apply(t.Context(), at, view.Mark{Next: i + 1}, []events.Event{lead(3, i, month.AddDate(0, int(i), 0))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(t.Context(), `truncate leads_v1.landing_phone`); err != nil {
		t.Fatal(err)
	}

	near := viewtest.Plan(t, pool, "near(text[], timestamptz, timestamptz)", fmt.Sprintf(leads.PhonesNear, "leads_v1"),
		"('{+989120000001}', '2031-06-16', '2031-06-18')")
	if !strings.Contains(near, "landing_phone_2031_06_phone_created_at_idx") || strings.Count(near, "Scan using") != 1 {
		t.Errorf("who has a lead near is not looked up by phone, or in months that can't have it:\n%s", near)
	}
	if !strings.Contains(near, "$2") {
		t.Errorf("the plan is for these values alone, and is made anew for each batch:\n%s", near)
	}
	all := viewtest.Plan(t, pool, "openers(text[], int, bigint)", fmt.Sprintf(leads.OpenersOf, "leads_v1"), "('{+989120000001}', 3, 5)")
	if by := strings.Count(all, "_phone_created_at_idx"); by != strings.Count(all, "Scan using") || by < 3 {
		t.Errorf("the last opener is not looked up by phone, in each month:\n%s", all)
	}
}
