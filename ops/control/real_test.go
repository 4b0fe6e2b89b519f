package control_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/mongostore/mongotest"
)

func TestTraceWithTheAuditLogInMongoDB(t *testing.T) {
	uri, _ := mongoOf(t)
	w := made(t, uri)
	w.project()
	erased := w.lead("09121111111")
	w.erase(erased)
	lead := w.lead("09121234567")
	again := w.lead("09121234567")
	w.awaitApplied()
	if trace := w.trace("09121234567"); len(trace.Records) != 2 || trace.Records[0].RecordID.String() != string(lead.Key) {
		t.Errorf("by phone: %+v", trace)
	}
	w.expect(w.only(string(lead.Key)), all(control.HasFound))
	w.expect(w.only(string(again.Key)), map[string]control.Has{
		"leads": control.HasDuplicate, "audit": control.HasFound, "dedup": control.HasDuplicate,
	})
	w.expect(w.only(string(erased.Key)), all(control.HasErased))
}

// mongoOf returns a database of the test's own in what MONGODB_URI names, and the URI that names it; without it the test is
// skipped.
func mongoOf(t *testing.T) (uri string, db *mongo.Database) {
	t.Helper()
	db = mongotest.New(t)
	u, err := url.Parse(os.Getenv("MONGODB_URI"))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + db.Name()
	return u.String(), db
}

// TestRealBrokers only looks: the topics have fixed names, and others may be using them.
func TestRealBrokers(t *testing.T) {
	t.Parallel()
	list := os.Getenv("KAFKA_BROKERS")
	if list == "" {
		t.Skip("KAFKA_BROKERS is not set")
	}
	brokers, err := broker.ParseBrokers(list)
	if err != nil {
		t.Fatal(err)
	}
	system, err := control.Open(control.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	reports, err := system.CheckTopics(t.Context())
	if err != nil || len(reports) != len(broker.Contract()) {
		t.Fatalf("%+v, %v", reports, err)
	}
	if err := control.ContractErr(reports); err != nil {
		t.Logf("the topics are not fit to be looked into: %v", err)
		return
	}
	if _, err := system.Letters(t.Context(), ""); err != nil {
		t.Error(err)
	}
	trace, err := system.Trace(t.Context(), control.Query{ID: uuid.Must(uuid.NewV7())})
	if err != nil || len(trace.Records) != 0 {
		t.Errorf("%+v, %v", trace, err)
	}
}
