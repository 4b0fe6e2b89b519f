package media

import (
	"io"
	"net"
	"strings"
	"testing"
)

// A peer that closes its half after the request looks as if it had gone; whatever it is told, it is no empty image.
func TestAPeerThatClosesItsHalfGetsNoEmptyImage(t *testing.T) {
	t.Parallel()
	e := newEdge(t, newFakeS3(t).store(), defaultLimits())
	e.makeBucket()
	const name = "hero-0123456789abcdef.png"
	e.put(name, "image/png", []byte("an image"))
	conn, err := net.Dial("tcp", e.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+Path+name+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // or nothing, and a reset
	if strings.Contains(string(answer), " 200 OK") && strings.Contains(string(answer), "Content-Length: 0") {
		t.Errorf("answered\n%s", answer)
	}
}
