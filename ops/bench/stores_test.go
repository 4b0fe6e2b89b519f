package bench

import (
	"context"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"leadlog/projectors/catalog"
)

// ownRedis is a database of the Redis that REDIS_URL names, emptied before and after: what a load leaves is much.
func ownRedis(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(need(t, "REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/9"
	options, err := redis.ParseURL(u.String())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.FlushDB(context.Background()).Err(); err != nil {
			t.Error(err)
		}
		_ = client.Close()
	})
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// ownMongo is a database of the MongoDB that MONGODB_URI names, dropped at the end.
func ownMongo(t testing.TB) string {
	t.Helper()
	uri := inDatabase(need(t, "MONGODB_URI"), "leadlog_bench_"+uuid.NewString()[:8])
	t.Cleanup(func() {
		stores := &catalog.Stores{URLs: catalog.URLs{Mongo: uri}, Application: "leadlog-bench"}
		defer stores.Close()
		db, err := stores.Mongo(context.Background())
		if err == nil {
			err = db.Drop(context.Background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	return uri
}
