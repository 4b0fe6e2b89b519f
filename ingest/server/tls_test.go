package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadlog/ingest/ingesttest"
	"leadlog/ingest/server"
)

// identity is a certificate with its key, in files.
type identity struct {
	dir, certFile, keyFile string
	roots                  *x509.CertPool
}

func newIdentity(t *testing.T) *identity {
	t.Helper()
	dir := t.TempDir()
	id := &identity{dir: dir, certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key"), roots: x509.NewCertPool()}
	cert, key := id.issue(t, 1)
	id.put(t, id.certFile, cert)
	id.put(t, id.keyFile, key)
	return id
}

// issue makes a certificate with this number, which clients of the identity trust.
func (id *identity) issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leads.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	id.roots.AppendCertsFromPEM(cert)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func (id *identity) put(t *testing.T, file string, bytes []byte) {
	t.Helper()
	if err := os.WriteFile(file, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newTLSEdge starts an edge that speaks TLS itself. change is called before.
func newTLSEdge(t *testing.T, change ...func(*server.Config)) (*edge, *identity) {
	t.Helper()
	id := newIdentity(t)
	cfg := server.Config{
		Brokers: ingesttest.Fake(t).ListenAddrs(), TLSCertFile: id.certFile, TLSKeyFile: id.keyFile,
	}
	for _, c := range change {
		c(&cfg)
	}
	e := start(t, cfg)
	e.url = "https://" + strings.TrimPrefix(e.url, "http://")
	e.client.CloseIdleConnections()
	e.client = id.client(true)
	t.Cleanup(e.client.CloseIdleConnections)
	return e.ready(), id
}

func (id *identity) client(http2 bool) *http.Client {
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{RootCAs: id.roots}}}
}

func (e *edge) address() string { return strings.TrimPrefix(e.url, "https://") }

func (e *edge) handshake(cfg *tls.Config) (*tls.Conn, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: ingesttest.Patience}, Config: cfg}
	conn, err := dialer.DialContext(context.Background(), "tcp", e.address())
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

func TestTLSServesBothVersionsOfHTTP(t *testing.T) {
	t.Parallel()
	e, id := newTLSEdge(t)
	for _, version := range []int{2, 1} {
		client := id.client(version == 2)
		defer client.CloseIdleConnections()
		seen := *e
		seen.client = client
		for _, answer := range []reply{seen.do("GET", "/"), seen.submit(phone())} {
			if answer.status/100 != 2 || answer.version != version {
				t.Errorf("HTTP/%d: %d by %d: %s", version, answer.status, answer.version, answer.body)
			}
			if hsts := answer.header.Get("Strict-Transport-Security"); hsts != "max-age=31536000; includeSubDomains; preload" {
				t.Errorf("HTTP/%d: Strict-Transport-Security is %q", version, hsts)
			}
		}
	}
	for path, want := range map[string]int{"/api%2Fsubmit": 404, "//api/submit": 404, "/metrics": 404, "/api/submit": 405} {
		if answer := e.do("GET", path); answer.status != want {
			t.Errorf("%s by HTTP/2: %d", path, answer.status)
		}
	}
	if answer, err := e.try("POST", e.url+"/api/submit", strings.Repeat("x", 5000), "Content-Type", "application/json"); err != nil || answer.status != 413 {
		t.Errorf("too large by HTTP/2: %d %v", answer.status, err)
	}
	var headers []string
	for i := range 20 {
		headers = append(headers, fmt.Sprint("X-Filler-", i), strings.Repeat("x", 1000))
	}
	for _, headers := range [][]string{headers, {"X-Filler", strings.Repeat("x", 20_000)}} { // too far over, the connection ends
		if answer, err := e.try("GET", e.url+"/", "", headers...); err == nil && answer.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("20 KB of headers by HTTP/2: %d", answer.status)
		}
	}
}

func TestOldTLSAndOldSuitesAreRefused(t *testing.T) {
	t.Parallel()
	e, id := newTLSEdge(t)
	for name, cfg := range map[string]*tls.Config{
		"TLS 1.0":  {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.1":  {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC":      {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}},
		"no ECDHE": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		cfg.RootCAs = id.roots
		if conn, err := e.handshake(cfg); err == nil {
			t.Errorf("%s: the handshake succeeds: %x", name, conn.ConnectionState().CipherSuite)
			_ = conn.Close()
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := e.handshake(&tls.Config{RootCAs: id.roots, MaxVersion: version})
		if err != nil || conn.ConnectionState().Version != version {
			t.Fatalf("%x: %v", version, err)
		}
		_ = conn.Close()
	}
}

func TestPlainHTTPOnTheTLSPortIsTold(t *testing.T) {
	t.Parallel()
	e, _ := newTLSEdge(t)
	answer, err := e.try("GET", "http://"+e.address()+"/", "")
	if err != nil || answer.status != http.StatusBadRequest || answer.header.Get("Location") != "" {
		t.Fatalf("%+v, %v", answer, err)
	}
}

// Requests in chunks, and those of HTTP/1.0, whose framing is not seen inside TLS, are the last of their connection.
func TestWhatTLSHidesEndsTheConnection(t *testing.T) {
	t.Parallel()
	e, id := newTLSEdge(t)
	for _, bytes := range []string{
		chunked(chunk(`{"phone":"`+phone()+`"}`) + lastChunk),
		"POST /api/submit HTTP/1.0\r\nConnection: keep-alive\r\n" + asJSON + "\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		conn, err := e.handshake(&tls.Config{RootCAs: id.roots})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(ingesttest.Patience))
		_, _ = io.WriteString(conn, bytes+submission(`{"phone":"`+phone()+`"}`))
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(answer)
		if err != nil || !got.closes {
			t.Errorf("%d, closes: %v, %v", got.status, got.closes, err)
		}
		if rest, _ := io.ReadAll(reader); len(rest) > 0 {
			t.Errorf("the edge goes on: %q", rest)
		}
		_ = conn.Close()
	}
}

// What the edge allows a connection of HTTP/2 stands in its first frame.
func TestHTTP2IsBounded(t *testing.T) {
	t.Parallel()
	e, id := newTLSEdge(t)
	conn, err := e.handshake(&tls.Config{RootCAs: id.roots, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(ingesttest.Patience))
	_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[3] != 4 {
		t.Fatalf("%x, %v: no SETTINGS", head, err)
	}
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(conn, settings); err != nil {
		t.Fatal(err)
	}
	got := make(map[uint16]uint32)
	for ; len(settings) >= 6; settings = settings[6:] {
		got[binary.BigEndian.Uint16(settings)] = binary.BigEndian.Uint32(settings[2:])
	}
	if got[3] != 64 || got[5] != 16<<10 || got[6] == 0 || got[6] > 20_000 {
		t.Errorf("streams %d, frame %d, header %d", got[3], got[5], got[6])
	}
}

func TestACertificateIsRenewedAndABrokenOneIsNot(t *testing.T) {
	t.Parallel()
	logs := &lockedText{}
	e, id := newTLSEdge(t, func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(logs, nil)) })
	serial := func() int64 {
		conn, err := e.handshake(&tls.Config{RootCAs: id.roots})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("certificate %d", n)
	}
	cert, key := id.issue(t, 2)
	id.put(t, id.certFile, cert) // as yet without its key
	ingesttest.Eventually(t, "the edge says that they do not fit", func() bool { return strings.Contains(logs.String(), "the last good one stays") })
	if n := serial(); n != 1 {
		t.Fatalf("certificate %d, although its key is missing", n)
	}
	id.put(t, id.keyFile, key)
	ingesttest.Eventually(t, "the new one is used", func() bool { return serial() == 2 })
	if text := logs.String(); strings.Count(text, "the last good one stays") != 1 || strings.Count(text, "certificate: renewed") != 1 {
		t.Errorf("the log:\n%s", text)
	}
}

func TestAHandshakeThatNeverComesIsCutOff(t *testing.T) {
	t.Parallel()
	e, _ := newTLSEdge(t, impatient)
	conn, err := net.Dial("tcp", e.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(ingesttest.Patience))
	_, _ = conn.Write([]byte{0x16, 3, 1})
	if rest, err := io.ReadAll(conn); os.IsTimeout(err) || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// Before the handshake nothing can be said that a client of TLS would understand.
func TestOverMaxConnectionsTLSIsJustClosed(t *testing.T) {
	t.Parallel()
	e, id := newTLSEdge(t, func(c *server.Config) { c.Limits.MaxConnections = 1 })
	e.client.CloseIdleConnections()
	ingesttest.Eventually(t, "no connection is left", func() bool { return metric(e, "leadlog_edge_connections") == 0 })
	inside, err := e.handshake(&tls.Config{RootCAs: id.roots})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inside.Close() }()
	if conn, err := e.handshake(&tls.Config{RootCAs: id.roots}); err == nil {
		t.Error("a second one came in")
		_ = conn.Close()
	}
}
