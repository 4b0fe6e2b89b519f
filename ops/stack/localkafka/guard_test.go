package localkafka

import (
	"io"
	"net"
	"testing"
)

// Whatever comes to the port, its connection ends, and the broker lives.
func TestGarbage(t *testing.T) {
	t.Parallel()
	b := launch(t, Config{DataDir: t.TempDir(), Log: logTo(t)})
	for name, garbage := range map[string]string{
		"unknown key":  "\x00\x00\x00\x0a\x03\xe8\x00\x00\x00\x00\x00\x01\xff\xff",
		"negative key": "\x00\x00\x00\x0a\xff\xff\x00\x00\x00\x00\x00\x01\xff\xff",
		"HTTP":         "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"TLS":          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"tiny":         "\x00\x00\x00\x01\x00\x00\x00",
	} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, garbage); err != nil {
			t.Error(err)
		}
		if answer, _ := io.ReadAll(conn); len(answer) > 0 { // returns when the broker hangs up
			t.Errorf("%s is answered with %q", name, answer)
		}
		_ = conn.Close()
	}
	makeTopic(t, dial(t, b.Addr()))
}
