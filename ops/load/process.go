package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Variable holds the order, in JSON, that makes a program which calls Main a load generator and nothing else.
const Variable = "LEADLOG_LOAD"

// Main is the generator as a process of its own: it does what the order says until it is done or its input ends, writes a
// line for every second to stderr and the report, in JSON, to stdout.
func Main(ctx context.Context, order string, stdin io.Reader, stdout, stderr io.Writer) error {
	var cfg Config
	if err := json.Unmarshal([]byte(order), &cfg); err != nil {
		return fmt.Errorf("%s: %w", Variable, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	report, err := Run(ctx, cfg, func(s Second) {
		fmt.Fprintf(stderr, "%4d s: offered %d, ok %d, refused %d, unknown %d, failed %d, unsent %d; %v\n",
			s.At, s.Offered, s.OK, s.Refused, s.Unknown, s.Failed, s.Unsent, s.Latency)
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(report)
}

// Process is a generator that runs.
type Process struct {
	cmd    *exec.Cmd
	input  io.Closer
	output io.Reader
}

// Start starts this very program anew as a generator; it must call Main when Variable is set. lines gets a line a second.
func Start(cfg Config, lines io.Writer) (*Process, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	order, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(self)} //nolint:gosec,noctx // this very program; it ends when its input does
	p.cmd.Env = append(os.Environ(), Variable+"="+string(order))
	p.cmd.Stderr = lines
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.input, p.output = input, output
	return p, p.cmd.Start()
}

// Stop has it end before its profile does. Wait comes after.
func (p *Process) Stop() { _ = p.input.Close() }

// Wait returns the report when the generator has ended.
func (p *Process) Wait() (Report, error) {
	var report Report
	decoded := json.NewDecoder(p.output).Decode(&report)
	if err := p.cmd.Wait(); err != nil {
		return report, fmt.Errorf("load generator: %w", err)
	}
	if decoded != nil {
		return report, errors.Join(errors.New("load generator: no report"), decoded)
	}
	return report, nil
}
