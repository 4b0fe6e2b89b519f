//go:build faults

package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"leadlog/ops/stack/localpg"
)

// postgres is a server of our own, which is started as `ops up` starts its own, and killed as nobody should.
type postgres struct {
	dir    string
	port   int
	server *localpg.Server
	frozen []int
}

func newPostgres(dir string) (*postgres, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	_, text, _ := net.SplitHostPort(address)
	port, err := strconv.Atoi(text)
	return &postgres{dir: dir, port: port}, err
}

func (p *postgres) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p.server, err = localpg.Start(ctx, localpg.Config{
		DataDir: p.dir, Port: p.port, Database: "postgres", Settings: map[string]string{"shared_buffers": "64MB"},
	})
	return err
}

func (p *postgres) running() bool {
	select {
	case <-p.server.Done():
		return false
	default:
		return true
	}
}

// pid is the postmaster's.
func (p *postgres) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// kill kills the postmaster with kill -9. What it leaves behind ends by itself, and would keep the next one from starting meanwhile.
func (p *postgres) kill(ctx context.Context) error {
	pid, err := p.pid()
	if err != nil {
		return err
	}
	children := childrenOf(pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the postmaster: %w", err)
	}
	<-p.server.Done()
	for _, child := range children {
		for alive(child) {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return p.close(ctx)
}

// close ends it, or lets go of its folder when it has ended already.
func (p *postgres) close(ctx context.Context) error {
	p.thaw()
	return p.server.Close(ctx)
}

// freeze stops the postmaster and every backend.
func (p *postgres) freeze() error {
	pid, err := p.pid()
	if err != nil {
		return err
	}
	p.frozen = append([]int{pid}, childrenOf(pid)...)
	for _, pid := range p.frozen {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // a backend may have ended
	}
	return nil
}

func (p *postgres) thaw() {
	for _, pid := range p.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	p.frozen = nil
}

// database makes an empty database, and returns its URL.
func (p *postgres) database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, p.server.URL())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return strings.TrimSuffix(p.server.URL(), "/postgres") + "/" + name, nil
}

func childrenOf(pid int) (children []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// service is a store that is one process on one port, and comes back with the same data.
type service struct {
	*process

	name, dir, address string
	command            func(s *service) (env []string, program string, args []string)
}

func newService(name, dir string, command func(s *service) ([]string, string, []string)) (*service, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &service{name: name, dir: filepath.Join(dir, name), address: address, command: command}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	return s, s.start()
}

func (s *service) start() (err error) {
	env, program, args := s.command(s)
	s.process, err = spawn(s.name, filepath.Join(s.dir, "output.log"), env, program, args...)
	return err
}

func (s *service) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

// redisServer is as .ci/parts/redis.sh has it.
func redisServer(s *service) ([]string, string, []string) {
	return nil, "redis-server", []string{
		"--port", s.port(), "--bind", "127.0.0.1", "--dir", s.dir, "--appendonly", "yes", "--save", "", "--rdbcompression", "no", "--maxmemory-policy", "noeviction",
	}
}

// ferretdb is as .ci/parts/mongo.sh has it, on the same PostgreSQL with DocumentDB.
func ferretdb(s *service) ([]string, string, []string) {
	return []string{"DO_NOT_TRACK=1"}, os.Getenv("FERRETDB"), []string{
		"--listen-addr=" + s.address, "--postgresql-url=" + os.Getenv("DOCUMENTDB_URL"), "--no-auth", "--debug-addr=-",
		"--state-dir=" + s.dir, "--telemetry=disable", "--log-level=warn",
	}
}

func redisAnswers(ctx context.Context, client *redis.Client) bool {
	return client.Ping(ctx).Err() == nil
}

func portOpen(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
