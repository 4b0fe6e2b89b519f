package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/events"
	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
)

// fullAndBare is an event with everything that one can have, and one with nothing that it can do without.
func fullAndBare() []events.Event {
	t := time.Date(2025, 11, 3, 9, 5, 7, 120e6, time.UTC)
	full := event(41, "+989121234567", t)
	full.EventID = uuid.MustParse("8d0d1f77-93a5-8c11-9c1b-5f9f0a3f7a11")
	full.Submission = events.Submission{
		Phone: "+989121234567", IP: "2001:db8::7", UserAgent: "Mozilla/5.0 <&>", Path: "/api/submit",
		Referrer: "https://example.com/", Page: "https://example.org/?utm_source=s", Variant: "b", Device: "mobile", Consent: "2025-01",
		Campaign: events.Campaign{Source: "s", Medium: "m", Name: "c", Term: "t", Content: "o"}, Suspect: true, PhoneRegion: "IR",
	}
	bare := event(42, "+989121234567", t.Add(time.Hour))
	bare.UserAgent = ""
	return []events.Event{full, bare}
}

// wanted is what the two documents are, in MongoDB's extended JSON; in PostgreSQL, ts is text and numbers are plain.
const wantedFull = `{"_id": "0191d5a0-0000-7000-8000-000000000029", "event_id": "8d0d1f77-93a5-8c11-9c1b-5f9f0a3f7a11",
	"phone": "+989121234567", "path": "/api/submit", "ip": "2001:db8::7", "ua": "Mozilla/5.0 <&>", "duplicate": false,
	"ts": {"$date": "2025-11-03T09:05:07.12Z"},
	"meta": {"referrer": "https://example.com/", "page": "https://example.org/?utm_source=s",
		"campaign": {"utm_source": "s", "utm_medium": "m", "utm_campaign": "c", "utm_term": "t", "utm_content": "o"},
		"variant": "b", "device": "mobile", "consent": "2025-01", "suspect": true, "phone_region": "IR"},
	"log_partition": {"$numberInt": "3"}, "log_offset": {"$numberLong": "41"}, "gen": {"$numberLong": "1"}}`

const wantedBare = `{"_id": "0191d5a0-0000-7000-8000-00000000002a", "event_id": "0191d5a0-0000-7000-8000-00000000002a",
	"phone": "+989121234567", "path": "/api/submit", "ip": "192.0.2.7", "ua": "", "duplicate": true,
	"ts": {"$date": "2025-11-03T10:05:07.12Z"},
	"log_partition": {"$numberInt": "3"}, "log_offset": {"$numberLong": "42"}, "gen": {"$numberLong": "1"}}`

func TestDocumentInMongo(t *testing.T) {
	t.Parallel()
	db := onMongo(t)
	v := view.Bind(mongostore.New(db), audit.NewMongo(db), 0)
	apply(t, v, claim(t, v), fullAndBare()...)
	for _, wanted := range []string{wantedFull, wantedBare} {
		var want, got bson.D
		if err := bson.UnmarshalExtJSON([]byte(wanted), false, &want); err != nil {
			t.Fatal(err)
		}
		if err := db.Collection("requests").FindOne(t.Context(), bson.D{want[0]}).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestDocumentInPostgres(t *testing.T) {
	t.Parallel()
	pool := onPostgres(t)
	v := view.Bind(pgstore.New(pool), audit.NewPostgres(pool), 0)
	apply(t, v, claim(t, v), fullAndBare()...)
	for wanted, ts := range map[string]string{wantedFull: "2025-11-03T09:05:07.120Z", wantedBare: "2025-11-03T10:05:07.120Z"} {
		var want, got map[string]any
		if err := json.Unmarshal([]byte(wanted), &want); err != nil {
			t.Fatal(err)
		}
		want["ts"], want["log_partition"], want["gen"] = ts, 3.0, 1.0
		want["log_offset"] = map[string]float64{wantedFull: 41, wantedBare: 42}[wanted]
		if err := pool.QueryRow(t.Context(), `select doc from requests where id = $1`, want["_id"]).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// verify compares the two stores with each other, and with the log.
func TestRowsAreTheSameInBothStores(t *testing.T) {
	t.Parallel()
	db, pool := onMongo(t), onPostgres(t)
	mongo, postgres := audit.NewMongo(db), audit.NewPostgres(pool)
	inMongo, inPostgres := view.Bind(mongostore.New(db), mongo, 0), view.Bind(pgstore.New(pool), postgres, 0)
	apply(t, inMongo, claim(t, inMongo), fullAndBare()...)
	apply(t, inPostgres, claim(t, inPostgres), fullAndBare()...)
	got, want := rowsOf(t, mongo), rowsOf(t, postgres)
	if len(want) != 2 {
		t.Fatalf("%d rows, want 2", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-PostgreSQL +MongoDB:\n%s", diff)
	}
}
