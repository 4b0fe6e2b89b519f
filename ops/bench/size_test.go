package bench

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"

	"leadlog/events/broker"
	"leadlog/projectors/catalog"
)

// logBytes is what an event of the backlog takes on one broker's disk: each of its replicas is as large.
func (log *backlog) logBytes(b testing.TB) float64 {
	b.Helper()
	client, err := broker.NewClient(broker.Config{Brokers: log.brokers, ClientID: "leadlog-bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	dirs, err := kadm.NewClient(client).DescribeAllLogDirs(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	var sum, replicas int64
	for _, one := range dirs {
		one.EachPartition(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == log.topic {
				sum += p.Size
				replicas++
			}
		})
	}
	if replicas == 0 {
		b.Fatalf("no log dir has %s", log.topic)
	}
	return float64(sum) / float64(log.events) / (float64(replicas) / 12)
}

// storeBytes is what a view's store has in use: a whole database of PostgreSQL, made for this view, or all of a Redis. It is 0
// for MongoDB, whose database is a part of another one here.
func storeBytes(b testing.TB, urls catalog.URLs) float64 {
	b.Helper()
	if urls.Redis != "" {
		return redisBytes(b, urls)
	}
	if urls.Database == "" {
		return 0
	}
	conn, err := pgx.Connect(b.Context(), urls.Database)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context()) //nolint:errcheck // it has only read
	var size int64
	if err := conn.QueryRow(b.Context(), `select pg_database_size(current_database())`).Scan(&size); err != nil {
		b.Fatal(err)
	}
	return float64(size)
}

func redisBytes(b testing.TB, urls catalog.URLs) float64 {
	b.Helper()
	stores := &catalog.Stores{URLs: urls}
	defer stores.Close()
	client, err := stores.Redis()
	if err != nil {
		b.Fatal(err)
	}
	info, err := client.Info(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			size, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				b.Fatal(err)
			}
			return size
		}
	}
	b.Fatal("Redis does not tell its memory")
	return 0
}
