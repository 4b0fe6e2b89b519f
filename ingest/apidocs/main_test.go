package apidocs_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startEdge runs an edge on a fake log until the test ends, and returns its address.
func startEdge(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	brokers := ingesttest.Fake(t).ListenAddrs()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{
			Brokers: brokers, Public: ln, Registry: prometheus.NewRegistry(), Log: ingesttest.Quiet(),
		})
	}()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	url := "http://" + ln.Addr().String()
	ingesttest.Eventually(t, "the edge is ready", func() bool {
		answer, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	http.DefaultClient.CloseIdleConnections()
	return url
}
