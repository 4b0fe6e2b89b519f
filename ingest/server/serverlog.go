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

// address is IPv4 or IPv6 with a port, as net prints it.
var address = regexp.MustCompile(`(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+(%[^\]]*)?\]):\d+`)

func withoutAddresses(text string) string { return address.ReplaceAllString(text, "(client)") }
