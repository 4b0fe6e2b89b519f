package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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
	reader *bufio.Reader
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

// answer is what a server said.
type answer struct {
	status int
	code   string // member "error" of a problem
}

// agents are what browsers call themselves: it is most of what an event holds.
var agents = [...]string{ //nolint:gochecknoglobals // a table of constants
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
}

// visit asks for the page, or submits a phone number.
func (v *visitor) visit(ctx context.Context) (answer, error) {
	if v.random.Float64() < v.pages {
		return v.ask(ctx, []byte("GET / HTTP/1.1\r\nHost: "+v.host+"\r\nAccept: text/html\r\n\r\n"))
	}
	body, agent := fmt.Sprintf(`{"phone":"+989%09d"}`, v.random.IntN(1e9)), agents[v.random.IntN(len(agents))]
	return v.ask(ctx, fmt.Appendf(nil,
		"POST /api/submit HTTP/1.1\r\nHost: %[1]s\r\nContent-Type: application/json\r\nUser-Agent: %[2]s\r\n"+
			"Referer: http://%[1]s/?utm_source=tv&utm_medium=spot&utm_campaign=autumn\r\nContent-Length: %[3]d\r\n\r\n%[4]s",
		v.host, agent, len(body), body))
}

// ask sends a request and reads its answer. After an error, and when the server says so, the next one opens a new connection.
func (v *visitor) ask(ctx context.Context, request []byte) (said answer, err error) {
	if v.conn == nil {
		dialer := net.Dialer{Timeout: v.timeout}
		if v.conn, err = dialer.DialContext(ctx, "tcp", v.host); err != nil {
			v.conn = nil
			return answer{}, err
		}
		v.reader = bufio.NewReaderSize(v.conn, 4096)
	}
	said, last, err := v.exchange(request)
	if last || err != nil {
		v.leave()
	}
	return said, err
}

func (v *visitor) exchange(request []byte) (said answer, last bool, err error) {
	if err := v.conn.SetDeadline(time.Now().Add(v.timeout)); err != nil {
		return answer{}, true, err
	}
	if _, err := v.conn.Write(request); err != nil {
		return answer{}, true, err
	}
	resp, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		return answer{}, true, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, true, err
	}
	said.status = resp.StatusCode
	if resp.StatusCode >= http.StatusBadRequest {
		var problem struct{ Error string }
		_ = json.Unmarshal(body, &problem) // a proxy's own page has no code
		said.code = problem.Error
	} else if request[0] == 'P' && !bytes.Contains(body, []byte(`"ok":true`)) {
		return said, resp.Close, errNoReceipt
	}
	return said, resp.Close, nil
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
