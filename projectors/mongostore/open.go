package mongostore

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// defaultDatabase is used when the URI names none.
const defaultDatabase = "leadlog"

// operationTimeout bounds an operation whose context has no deadline: a batch of a few thousand documents on a bad day.
const operationTimeout = 30 * time.Second

// Open returns the database that a mongodb:// URI, the value of MONGODB_URI, names in its path. It does not connect.
// Whoever opened it disconnects its client.
//
// Whatever the URI says, writes are acknowledged by a majority's journals, and reads ask the primary: a position or an
// opener that a failover takes back, or that a secondary has not seen yet, would make a verdict wrong for ever.
func Open(_ context.Context, uri, application string) (*mongo.Database, error) {
	journaled := true
	opts := options.Client().ApplyURI(uri).
		SetAppName(application).
		SetConnectTimeout(5 * time.Second).
		SetServerSelectionTimeout(5 * time.Second).
		SetTimeout(operationTimeout).
		SetReadPreference(readpref.Primary()).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled})
	client, err := mongo.Connect(opts)
	if err != nil {
		// The driver's error may repeat the URI, and with it the password.
		return nil, errors.New("MONGODB_URI is not a MongoDB URI such as mongodb://user:password@host:27017/leadlog, or its host is not in the DNS")
	}
	return client.Database(databaseOf(uri)), nil
}

// databaseOf returns the database in a URI that the driver has accepted. net/url can't read a list of hosts with ports.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	_, path, _ := strings.Cut(rest, "/")
	name, _, _ := strings.Cut(path, "?")
	if name, err := url.PathUnescape(name); err == nil && name != "" {
		return name
	}
	return defaultDatabase
}
