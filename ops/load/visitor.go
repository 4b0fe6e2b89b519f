package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// visitor is one keep-alive connection and who comes by it. Written on the connection itself: net/http's client costs as much
// processor as the edge, and both are on one machine.
type visitor struct {
	host    string
	timeout time.Duration
	pages   float64
	random  *rand.Rand

	conn   net.Conn
	answer *bufio.Reader
}

func newVisitor(target *url.URL, cfg Config, number int) *visitor {
	return &visitor{
		host: target.Host, timeout: cfg.Timeout, pages: cfg.Pages,
		random: rand.New(rand.NewPCG(cfg.Seed, uint64(number))), //nolint:gosec // phone numbers of nobody, that a seed repeats
	}
}

// arrive opens the connection and has a first answer: a server closes one that never asked.
func (v *visitor) arrive(ctx context.Context) error {
	_, err := v.ask(ctx, []byte("GET /livez HTTP/1.1\r\nHost: "+v.host+"\r\n\r\n"))
	return err
}

func (v *visitor) leave() {
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// errNoReceipt is a 2xx of a submission that does not say ok.
var errNoReceipt = errors.New("2xx without a receipt")

// errUnknownOutcome is a 503 that does not say no: the event may be in the log.
var errUnknownOutcome = errors.New("outcome unknown")

// visit asks for the page, or submits a phone number.
func (v *visitor) visit(ctx context.Context) (status int, page bool, err error) {
	if v.random.Float64() < v.pages {
		status, err = v.ask(ctx, []byte("GET / HTTP/1.1\r\nHost: "+v.host+"\r\nAccept: text/html\r\n\r\n"))
		return status, true, err
	}
	body := fmt.Sprintf(`{"phone":"+989%09d"}`, v.random.IntN(1e9))
	status, err = v.ask(ctx, fmt.Appendf(nil,
		"POST /api/submit HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", v.host, len(body), body))
	return status, false, err
}

// ask sends a request and reads its answer. After an error, and when the server says so, the next one opens a new connection.
func (v *visitor) ask(ctx context.Context, request []byte) (status int, err error) {
	if v.conn == nil {
		dialer := net.Dialer{Timeout: v.timeout}
		if v.conn, err = dialer.DialContext(ctx, "tcp", v.host); err != nil {
			v.conn = nil
			return 0, err
		}
		v.answer = bufio.NewReaderSize(v.conn, 4096)
	}
	status, last, err := v.exchange(request)
	if last {
		v.leave()
	}
	return status, err
}

func (v *visitor) exchange(request []byte) (status int, last bool, err error) {
	if err := v.conn.SetDeadline(time.Now().Add(v.timeout)); err != nil {
		return 0, true, err
	}
	if _, err := v.conn.Write(request); err != nil {
		return 0, true, err
	}
	answer, err := http.ReadResponse(v.answer, nil)
	if err != nil {
		return 0, true, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, true, err
	}
	if answer.StatusCode == http.StatusServiceUnavailable && bytes.Contains(body, []byte(`"outcome_unknown"`)) {
		return answer.StatusCode, answer.Close, errUnknownOutcome
	}
	if request[0] == 'P' && answer.StatusCode < 300 && !bytes.Contains(body, []byte(`"ok":true`)) {
		return 0, true, errNoReceipt
	}
	return answer.StatusCode, answer.Close, nil
}

// kindOf names an error that is no answer, in a word that can be counted.
func kindOf(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection"
	case errors.Is(err, errNoReceipt):
		return "no receipt"
	}
	return "connection lost"
}
