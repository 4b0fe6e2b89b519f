package server

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
)

// serverLog is where net/http's own complaints go. Most name the client, whose address is not for logs, and those about
// failed handshakes are anybody's to cause by the thousand, so they are for development.
type serverLog struct{ slog.Handler }

func (l serverLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "TLS handshake error") || strings.Contains(r.Message, "http2: ") {
		r.Level = slog.LevelDebug
	}
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	r.Message = withoutAddresses(r.Message)
	return l.Handler.Handle(ctx, r)
}

// withoutAddresses leaves out IPv4 and IPv6 addresses with their ports, as net prints them.
func withoutAddresses(text string) string {
	return regexp.MustCompile(`(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+(%[^\]]*)?\]):\d+`).ReplaceAllString(text, "(client)")
}
