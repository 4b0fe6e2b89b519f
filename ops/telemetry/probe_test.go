package telemetry_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leadlog/ops/telemetry"
)

// private serves a private listener and returns its address.
func private(t *testing.T, health *telemetry.Health) string {
	t.Helper()
	server := httptest.NewServer(telemetry.Private(health, telemetry.NewRegistry()))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestProbeFollowsReadiness(t *testing.T) {
	health := telemetry.NewHealth("kafka")
	addr := private(t, health)
	_, port, _ := net.SplitHostPort(addr)

	err := telemetry.Probe(t.Context(), addr)
	if want := "not ready: " + addr + " answers 503 Service Unavailable (kafka: not seen yet)"; err == nil || err.Error() != want {
		t.Errorf("before it is ready: %v, want %q", err, want)
	}
	for _, status := range []telemetry.Status{telemetry.Degraded, telemetry.Healthy} {
		health.Set("kafka", status, "")
		// Whatever the program listens at, it can be asked from the same machine.
		for _, listen := range []string{addr, ":" + port, "0.0.0.0:" + port, "[::]:" + port, "localhost:" + port} {
			if err := telemetry.Probe(t.Context(), listen); err != nil {
				t.Errorf("%s, asked at %s: %v", status, listen, err)
			}
		}
	}
}

func TestProbeNeedsNoProxy(t *testing.T) {
	health := telemetry.NewHealth()
	_, port, _ := net.SplitHostPort(private(t, health))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if err := telemetry.Probe(t.Context(), ":"+port); err != nil {
		t.Error(err)
	}
}

func TestProbeOfNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	ln.Close()
	for listen, want := range map[string]string{
		closed:     closed + ": connect: connection refused",
		"":         "PRIVATE_LISTEN is empty",
		"nonsense": "PRIVATE_LISTEN: address nonsense: missing port",
		"a b:1":    "PRIVATE_LISTEN",
	} {
		err := telemetry.Probe(t.Context(), listen)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Probe(%q) = %v, want one line with %q", listen, err, want)
		}
	}
}

func TestProbeOfSomebodyElse(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if err := telemetry.Probe(t.Context(), server.Listener.Addr().String()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another program's port: %v", err)
	}
}

// A program that hangs is not ready, and the healthcheck must not hang with it.
func TestProbeGivesUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := telemetry.Probe(ctx, ln.Addr().String()); err == nil {
		t.Error("a program that never answers is taken for ready")
	}
}
