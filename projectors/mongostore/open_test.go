package mongostore_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"leadlog/projectors/mongostore"
	"leadlog/projectors/view"
)

func TestOpenTakesTheDatabaseFromTheURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"mongodb://localhost":                                     "leadlog",
		"mongodb://localhost:27017/":                              "leadlog",
		"mongodb://localhost:27017/?replicaSet=rs0":               "leadlog",
		"mongodb://localhost:27017/landing_logs":                  "landing_logs",
		"mongodb://u:p%2Fw@h1:27017,h2:27018/logs?replicaSet=rs0": "logs",
		"mongodb://u:p%40w@h1:27017,[::1]:27018/l%6Fgs?tls=true":  "logs",
	} {
		db, err := mongostore.Open(t.Context(), uri, "leadlog-test")
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if db.Name() != want {
			t.Errorf("%s: database %q, want %q", uri, db.Name(), want)
		}
		if err := db.Client().Disconnect(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenNamesTheVariableAndHidesTheURI(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"", "secret", "postgres://u:secret@h/db", "mongodb://u:secret@", "mongodb://u:secret@h:99999999/db",
		"mongodb://u:se@cret@h/db", "mongodb://u:secret@h/db?w=secret&journal=secret",
	} {
		_, err := mongostore.Open(t.Context(), uri, "leadlog-test")
		if err == nil || !strings.Contains(err.Error(), "MONGODB_URI") || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "cret@") {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// A server that is not there is waited for: no error of a connection may look like one of the data.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	db, err := mongostore.Open(t.Context(), "mongodb://"+addr, "leadlog-test")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Client().Disconnect(context.WithoutCancel(t.Context())) //nolint:errcheck // it never connected
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = mongostore.New(db).Claim(ctx, testStream())
	if view.Classify(err) != view.Retry || mongostore.Refused(err) {
		t.Fatalf("got %v", err)
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	write := func(code int) error {
		return mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code, Message: "no"}}}
	}
	bulk := func(codes ...int) error {
		var errs []mongo.BulkWriteError
		for _, c := range codes {
			errs = append(errs, mongo.BulkWriteError{WriteError: mongo.WriteError{Code: c}})
		}
		return mongo.BulkWriteException{WriteErrors: errs}
	}
	for _, c := range []struct {
		name string
		err  error
		want view.Action
	}{
		{"none", nil, view.None},
		{"a document that is too large", mongo.CommandError{Code: 10334}, view.Stop},
		{"a bad value in a command", mongo.CommandError{Code: 2}, view.Stop},
		{"a bad value in a write", write(2), view.Stop},
		{"a key that is too long, in a bulk", bulk(11000, 17280), view.Stop},
		{"a lost race for an upsert", write(11000), view.Retry},
		{"an election", mongo.CommandError{Code: 10107, Name: "NotWritablePrimary"}, view.Retry},
		{"a disk that is full", mongo.CommandError{Code: 14031, Name: "OutOfDiskSpace"}, view.Retry},
		{"no majority", mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}}, view.Retry},
		{"a wrong password", mongo.CommandError{Code: 18}, view.Retry},
		{"a timeout", context.DeadlineExceeded, view.Retry},
		{"our own", view.ErrFenced, view.Reclaim},
	} {
		if got := view.Classify(mongostore.Sort(c.err)); got != c.want {
			t.Errorf("%s: %v, want %v: %v", c.name, got, c.want, mongostore.Sort(c.err))
		}
	}
	if !mongostore.Refused(mongostore.Sort(mongo.CommandError{Code: 18})) || mongostore.Refused(write(11000)) {
		t.Error("Refused is for logins that fail, and for nothing else")
	}
}
