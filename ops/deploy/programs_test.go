package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// bin is the folder of the programs.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "leadlog-programs-")
	if err != nil {
		panic(err)
	}
	bin = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// built remembers the programs that a test has asked for already.
var built sync.Map

// build returns the path of a program, built once for all tests of this package.
func build(t *testing.T, program string) string {
	t.Helper()
	file := filepath.Join(bin, program)
	once, _ := built.LoadOrStore(program, sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, "./"+program) // without symbols it links in half the time
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build ./%s: %w\n%s", program, err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return file
}

// command runs one of the programs as in a container: with this environment and no other.
func command(t *testing.T, env map[string]string, program string, args ...string) *exec.Cmd {
	t.Helper()
	file := build(t, path.Base(program))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// twins lists the variables that a program reads, as its own help names them.
func twins(t *testing.T, program string, args ...string) []string {
	t.Helper()
	out, err := command(t, nil, program, append(args, "--help")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v --help: %v\n%s", program, args, err, out)
	}
	var found []string
	for _, match := range regexp.MustCompile(`\(\$([A-Z0-9_]+)\)`).FindAllStringSubmatch(strings.Join(strings.Fields(string(out)), " "), -1) {
		found = append(found, match[1])
	}
	return found
}

// A variable that a program does not read is a setting that does nothing.
func TestVariables(t *testing.T) {
	// Without one of these the program would not start, or do less than its service is there for.
	needed := map[string][]string{
		"ingest":     {"KAFKA_BROKERS", "LISTEN", "PRIVATE_LISTEN", "REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"},
		"projectors": {"DATABASE_URL", "KAFKA_BROKERS", "MONGODB_URI", "PRIVATE_LISTEN", "REDIS_URL"},
		"ops":        {"DATABASE_URL", "KAFKA_BROKERS", "MONGODB_URI", "REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"},
	}
	project := load(t)
	for program, variables := range needed {
		t.Run(program, func(t *testing.T) {
			for _, service := range users(project, program) {
				read, given := twins(t, program, service.Command[1:]...), env(service)
				if program == "ops" { // any verb is run there
					read = append(read, twins(t, program, "site", "put")...)
				}
				for name := range given {
					if !slices.Contains(read, name) {
						t.Errorf("%s sets %s, which %s does not read; it reads %v", service.Name, name, service.Command, read)
					}
				}
				for _, name := range variables {
					if given[name] == "" {
						t.Errorf("%s lacks %s", service.Name, name)
					}
				}
				if given["DEV"] != "" {
					t.Errorf("%s waives replication, with three brokers at hand", service.Name)
				}
			}
		})
	}
}

// address matches the brokers and stores in a service's environment.
var address = regexp.MustCompile(`\b[a-z0-9]+(-[0-9])?:(9092|5432|27017|6379|7070)\b`)

// nowhere is a service's environment with brokers and stores that refuse every connection, and other listeners.
func nowhere(service types.ServiceConfig, private string) map[string]string {
	changed := env(service)
	for name, value := range changed {
		changed[name] = address.ReplaceAllString(value, "127.0.0.1:1")
	}
	changed["PRIVATE_LISTEN"] = private
	if changed["LISTEN"] != "" {
		changed["LISTEN"] = "127.0.0.1:0"
	}
	return changed
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// daemons are our services that have a healthcheck, one of each program.
func daemons(t *testing.T) []types.ServiceConfig {
	t.Helper()
	project := load(t)
	return []types.ServiceConfig{users(project, "ingest")[0], users(project, "projectors")[0]}
}

// healthcheck runs a service's healthcheck; code is its exit code.
func healthcheck(t *testing.T, service types.ServiceConfig, environment map[string]string) (code int, output string) {
	t.Helper()
	test := service.HealthCheck.Test
	out, err := command(t, environment, test[1], test[2:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

func TestHealthcheckOfNobody(t *testing.T) {
	for _, service := range daemons(t) {
		private := closedPort(t)
		code, out := healthcheck(t, service, nowhere(service, private))
		if code != 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "not ready") || !strings.Contains(out, private) {
			t.Errorf("%s: exit code %d, %q; want 1, and one line that says who does not answer", service.Name, code, out)
		}
	}
}

func TestHealthcheckFollowsReadiness(t *testing.T) {
	for status, want := range map[int]int{http.StatusOK: 0, http.StatusServiceUnavailable: 1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		for _, service := range daemons(t) {
			code, out := healthcheck(t, service, nowhere(service, server.Listener.Addr().String()))
			if code != want {
				t.Errorf("%s: exit code %d for status %d, want %d: %s", service.Name, code, status, want, out)
			}
		}
		server.Close()
	}
}

// The programs take the settings of compose.yml, live while brokers and stores are away, say that they are not ready, and end
// when they are asked to.
func TestProgramsTakeTheirSettings(t *testing.T) {
	for _, service := range daemons(t) {
		t.Run(service.Name, func(t *testing.T) {
			t.Parallel()
			private := closedPort(t)
			environment := nowhere(service, private)
			cmd := command(t, environment, service.Command[0], service.Command[1:]...)
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var exit error
			ended := make(chan struct{})
			go func() { exit = cmd.Wait(); close(ended) }()
			if !alive("http://"+private+"/livez", ended) {
				_ = cmd.Process.Kill()
				<-ended
				t.Fatalf("it does not live: %v\n%s", exit, said.String())
			}
			if code, out := healthcheck(t, service, environment); code != 1 || !strings.Contains(out, "503") {
				t.Errorf("healthcheck without brokers: exit code %d, %q", code, out)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(time.Duration(*service.StopGracePeriod)):
				_ = cmd.Process.Kill()
				<-ended
				t.Error("it did not end within stop_grace_period")
			}
			if exit != nil {
				t.Errorf("SIGTERM: %v\n%s", exit, said.String())
			}
		})
	}
}

// alive waits until a program answers a probe, or ended.
func alive(probe string, ended <-chan struct{}) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for {
		select {
		case <-ended:
			return false
		case <-deadline:
			return false
		case <-tick.C:
		}
		resp, err := http.Get(probe)
		if err != nil {
			continue
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
}
