package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// probeTimeout is below the time that compose.yml gives a healthcheck, so that the answer to a program that hangs is ours, with
// its reason, and not a kill.
const probeTimeout = 3 * time.Second

// Probe asks the program whose private listener is at listen (PRIVATE_LISTEN) whether it is ready. It is a container's
// healthcheck: an image FROM scratch has nothing else that could ask. The error says in one line what is wrong.
func Probe(ctx context.Context, listen string) error {
	addr, err := reachable(listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	// The private /healthz answers 503 exactly when /readyz does, and says why.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return fmt.Errorf("not ready: PRIVATE_LISTEN: %w", err)
	}
	// A client of its own: http.DefaultTransport would ask a proxy where the environment names one.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: nobody answers: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answers %s%s", addr, resp.Status, reasons(resp.Body))
	}
	return nil
}

// reachable turns an address to listen at into one to dial.
func reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	switch {
	case listen == "":
		return "", errors.New("not ready: PRIVATE_LISTEN is empty, so there is nobody to ask")
	case err != nil:
		return "", fmt.Errorf("not ready: PRIVATE_LISTEN: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // every interface, so this one too
	}
	return net.JoinHostPort(host, port), nil
}

// reasons names the parts that are not ready, as far as the answer tells.
func reasons(body io.Reader) string {
	var health struct {
		Dependencies map[string]Part `json:"dependencies"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&health); err != nil {
		return ""
	}
	var parts []string
	for name, part := range health.Dependencies {
		if part.Status == NotReady {
			parts = append(parts, name+": "+part.Detail)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, "; ") + ")"
}
