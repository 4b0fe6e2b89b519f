package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"leadlog/ops/flags"
)

// renewalEvery is how often the certificate's files are looked at.
const renewalEvery = 2 * time.Second

// certificate is the edge's own, and follows its files. A pair that does not fit, as while one of the files is written, leaves
// the last good one in use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	pair atomic.Pointer[tls.Certificate]
	seen [sha256.Size]byte // of what was tried last; only run touches it
}

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if _, err := c.renew(); err != nil {
		return nil, flags.Usagef("--tls-cert-file=%s --tls-key-file=%s (TLS_CERT_FILE, TLS_KEY_FILE): %w", certFile, keyFile, err)
	}
	return c, nil
}

// run follows the files until ctx ends.
func (c *certificate) run(ctx context.Context) error {
	ticker := time.NewTicker(renewalEvery)
	defer ticker.Stop()
	var told string
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		changed, err := c.renew()
		switch {
		case err != nil && err.Error() != told:
			told = err.Error()
			c.log.Warn("certificate: the new files can't be used, the last good one stays", "err", err)
		case changed && err == nil:
			told = ""
			c.log.Info("certificate: renewed", "expires", c.pair.Load().Leaf.NotAfter)
		}
	}
}

// renew reads the files, and takes what they hold if it is new and fits together. It compares what they hold and not their
// times: a renewal may be a link that is moved, or keep the old time.
func (c *certificate) renew() (changed bool, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return false, err
	}
	now := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(cert), cert, key))
	if now == c.seen {
		return false, nil
	}
	c.seen = now
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, err
	}
	c.pair.Store(&pair)
	return true, nil
}

// config takes TLS 1.2 and 1.3, with suites that keep yesterday's traffic secret when the key is lost.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
	}
}
