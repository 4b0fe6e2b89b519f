package control_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/google/uuid"

	"leadlog/events/broker"
	"leadlog/ops/control"
	"leadlog/projectors/mongostore/mongotest"
)

func TestTraceWithTheAuditLogInMongoDB(t *testing.T) {
	db := mongotest.New(t)
	uri, err := url.Parse(os.Getenv("MONGODB_URI"))
	if err != nil {
		t.Fatal(err)
	}
	uri.Path = "/" + db.Name()
	w := made(t, uri.String())
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
