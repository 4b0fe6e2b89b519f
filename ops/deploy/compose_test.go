package deploy_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"leadlog/ingest/media"
)

// What a tag must look like to name one release for ever. PostgreSQL's releases have two numbers, all others three.
var (
	release         = regexp.MustCompile(`:v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)
	postgresRelease = regexp.MustCompile(`^postgres:[0-9]+\.[0-9]+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)
)

func TestImagesAreExact(t *testing.T) {
	project := load(t)
	for _, name := range names(project) {
		image := project.Services[name].Image
		if !ours(project.Services[name]) && !release.MatchString(image) && !postgresRelease.MatchString(image) {
			t.Errorf("%s: the image %q is not one release", name, image)
		}
	}
}

func TestOurImageIsOne(t *testing.T) {
	project := load(t)
	found := make(map[string]int)
	for _, name := range names(project) {
		service := project.Services[name]
		if !ours(service) {
			continue
		}
		found[program(service)]++
		if service.Image != "leadlog:dev" {
			t.Errorf("%s: the image is %q", name, service.Image)
		}
		if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if want := map[string]int{"ingest": 2, "projectors": 2, "ops": 1}; fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("programs %v, want %v", found, want)
	}
}

func TestPrivileges(t *testing.T) {
	project := load(t)
	for _, name := range names(project) {
		service := project.Services[name]
		if service.Privileged || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may gain privileges", name)
		}
		if service.Deploy == nil || service.Deploy.Resources.Limits == nil || service.Deploy.Resources.Limits.MemoryBytes == 0 {
			t.Errorf("%s may take all memory", name)
		}
		if service.Logging == nil || service.Logging.Options["max-size"] == "" {
			t.Errorf("%s: its log may fill the disk", name)
		}
		if !ours(service) {
			continue
		}
		if service.User != "65532:65532" || !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") || len(service.CapAdd) > 0 {
			t.Errorf("%s: user %q, read-only %v, capabilities dropped %v, added %v",
				name, service.User, service.ReadOnly, service.CapDrop, service.CapAdd)
		}
		if len(service.Volumes) > 0 {
			t.Errorf("%s keeps data of its own: %v", name, service.Volumes)
		}
	}
}

// What is on an ack's way waits for no view, and for no quota.
func TestProjectorsAloneComeSecond(t *testing.T) {
	project := load(t)
	for _, name := range names(project) {
		service := project.Services[name]
		if ours(service) && program(service) == "projectors" {
			if service.CPUShares < 2 || service.CPUShares > 256 {
				t.Errorf("%s: cpu_shares %d: not well below the 1024 that others have", name, service.CPUShares)
			}
			continue
		}
		if service.CPUShares != 0 || service.CPUS != 0 || service.CPUQuota != 0 || service.CPUSet != "" || service.Deploy.Resources.Limits.NanoCPUs != 0 {
			t.Errorf("%s may not have all that the processors can give", name)
		}
	}
}

func TestVolumes(t *testing.T) {
	project := load(t)
	for name, at := range map[string][]string{
		"kafka-1":  {"/var/lib/kafka/data"},
		"kafka-2":  {"/var/lib/kafka/data"},
		"kafka-3":  {"/var/lib/kafka/data"},
		"postgres": {"/var/lib/postgresql"}, // not .../data, since 18
		"mongo":    {"/data/db"},
		"redis":    {"/data"},
		"s3":       {"/data", "/versions"},
	} {
		var targets []string
		for _, v := range project.Services[name].Volumes {
			if _, declared := project.Volumes[v.Source]; !declared || v.Type != types.VolumeTypeVolume {
				t.Errorf("%s: nobody declares the volume %q", name, v.Source)
			}
			targets = append(targets, v.Target)
		}
		if !slices.Equal(targets, at) {
			t.Errorf("%s: volumes at %v, want %v", name, targets, at)
		}
	}
	used := make(map[string]string)
	for _, name := range names(project) {
		for _, v := range project.Services[name].Volumes {
			if other, taken := used[v.Source]; taken {
				t.Errorf("%s and %s share the volume %s", name, other, v.Source)
			}
			used[v.Source] = name
		}
	}
}

// Only what the public may see is open to other machines.
func TestPublishedPorts(t *testing.T) {
	project := load(t)
	taken := make(map[string]string)
	for _, name := range names(project) {
		service := project.Services[name]
		var targets []string
		for _, p := range service.Ports {
			target := fmt.Sprint(p.Target)
			targets = append(targets, target)
			if other, clash := taken[p.Published]; clash {
				t.Errorf("%s and %s both want port %s", name, other, p.Published)
			}
			taken[p.Published] = name
			if public := ours(service) && target == port(t, env(service)["LISTEN"]); public != (p.HostIP == "") || !public && p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is published at %q", name, target, p.HostIP)
			}
		}
		if ours(service) && !once(service) {
			want := []string{port(t, env(service)["PRIVATE_LISTEN"])}
			if program(service) == "ingest" {
				want = append(want, port(t, env(service)["LISTEN"]))
			}
			slices.Sort(want)
			slices.Sort(targets)
			if !slices.Equal(targets, want) {
				t.Errorf("%s publishes %v, and listens at %v", name, targets, want)
			}
		}
		if service.ContainerName != "" {
			t.Errorf("%s has a container name, so that two projects clash", name)
		}
	}
	for published, name := range map[string]string{"8080": "ingest-1", "8081": "ingest-2"} {
		if taken[published] != name {
			t.Errorf("port %s is %q's, want %s", published, taken[published], name)
		}
	}
}

// port returns an address' port; the address must be every interface's, or nobody outside the container reaches it.
func port(t *testing.T, listen string) string {
	t.Helper()
	if listen == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host != "" {
		t.Errorf("%q is not every interface's", listen)
	}
	return port
}

func TestOrder(t *testing.T) {
	project := load(t)
	for _, name := range names(project) {
		for other, dependency := range project.Services[name].DependsOn {
			on := project.Services[other]
			switch dependency.Condition {
			case types.ServiceConditionHealthy:
				if on.HealthCheck == nil {
					t.Errorf("%s waits for the health of %s, which has no healthcheck", name, other)
				}
			case types.ServiceConditionCompletedSuccessfully:
				if !once(on) {
					t.Errorf("%s waits for the end of %s, which does not end", name, other)
				}
			default:
				t.Errorf("%s only waits for the start of %s", name, other)
			}
		}
	}
	// Only Kafka is needed to take leads, and two brokers of three will do.
	for _, edge := range users(project, "ingest") {
		for other, dependency := range edge.DependsOn {
			if dependency.Required {
				t.Errorf("%s does not start without %s", edge.Name, other)
			}
		}
	}
	// Tables and topics of three replicas.
	waitsFor := project.Services["init"].GetDependencies()
	slices.Sort(waitsFor)
	if want := []string{"kafka-1", "kafka-2", "kafka-3", "mongo", "postgres", "redis"}; !slices.Equal(waitsFor, want) {
		t.Errorf("init waits for %v, want %v", waitsFor, want)
	}
	for _, p := range users(project, "projectors") {
		if d := p.DependsOn["init"]; !d.Required {
			t.Errorf("%s does not wait for init", p.Name)
		}
	}
}

func TestHealthchecks(t *testing.T) {
	project := load(t)
	for _, name := range names(project) {
		service := project.Services[name]
		check := service.HealthCheck
		if once(service) {
			if check != nil {
				t.Errorf("%s ends by itself, and has a healthcheck", name)
			}
			continue
		}
		if check == nil || check.Disable || len(check.Test) < 2 || !strings.HasPrefix(check.Test[0], "CMD") {
			t.Errorf("%s has no healthcheck", name)
			continue
		}
		if check.Interval == nil || check.Timeout == nil || check.Retries == nil || check.StartPeriod == nil || *check.Timeout >= *check.Interval {
			t.Errorf("%s: a healthcheck needs its times: %+v", name, check)
		}
		if ours(service) && (check.Test[0] != "CMD" || check.Test[1] != service.Command[0]) {
			t.Errorf("%s: the image has no shell and only our programs, the healthcheck is %q", name, check.Test)
		}
	}
}

// Passwords come from variables alone, and each one reaches everybody who needs it, in a URL that leads to its store.
func TestStoreURLs(t *testing.T) {
	project := load(t, "POSTGRES_PASSWORD=pg-1", "MONGO_PASSWORD=mongo-2", "REDIS_PASSWORD=redis-3", "S3_SECRET_KEY=s3-4")
	passwords := map[string]string{"postgres": "pg-1", "mongo": "mongo-2", "redis": "redis-3", "s3": "s3-4"}
	for service, variable := range map[string]string{
		"postgres": "POSTGRES_PASSWORD", "mongo": "MONGO_INITDB_ROOT_PASSWORD", "redis": "REDISCLI_AUTH", "s3": "ROOT_SECRET_KEY",
	} {
		if got := env(project.Services[service])[variable]; got != passwords[service] {
			t.Errorf("%s: %s is %q, want %q", service, variable, got, passwords[service])
		}
	}
	if command := project.Services["redis"].Command; !slices.Contains(command, passwords["redis"]) {
		t.Errorf("redis asks for no password: %q", command)
	}
	for _, name := range names(project) {
		if !ours(project.Services[name]) {
			continue
		}
		for variable, value := range env(project.Services[name]) {
			u, err := url.Parse(value)
			if err != nil || u.User == nil {
				continue // not the URL of a store
			}
			if password, _ := u.User.Password(); password == "" || password != passwords[u.Hostname()] {
				t.Errorf("%s: %s has the password %q for %q", name, variable, password, u.Hostname())
			}
			if ports := project.Services[u.Hostname()].Ports; len(ports) != 1 || u.Port() != fmt.Sprint(ports[0].Target) {
				t.Errorf("%s: %s leads to %s, where nobody listens: %v", name, variable, u.Host, ports)
			}
		}
	}
}

// S3 has its keys beside its address, and not in it.
func TestS3IsWhatItsUsersThink(t *testing.T) {
	project := load(t, "S3_SECRET_KEY=s3-4")
	s3 := project.Services["s3"]
	for _, user := range append(users(project, "ingest"), users(project, "ops")...) {
		given := env(user)
		u, err := url.Parse(given["S3_ENDPOINT"])
		if err != nil || u.Hostname() != "s3" || len(s3.Ports) != 1 || u.Port() != fmt.Sprint(s3.Ports[0].Target) {
			t.Errorf("%s: S3_ENDPOINT leads to %q, where nobody listens", user.Name, given["S3_ENDPOINT"])
		}
		if given["S3_ACCESS_KEY"] != env(s3)["ROOT_ACCESS_KEY"] || given["S3_SECRET_KEY"] != env(s3)["ROOT_SECRET_KEY"] {
			t.Errorf("%s has other keys than s3", user.Name)
		}
		if given["S3_BUCKET"] != media.DefaultBucket {
			t.Errorf("%s: the bucket is %q", user.Name, given["S3_BUCKET"])
		}
	}
	// What `ops site put` replaces is kept where there is a volume for it.
	if at := slices.Index(s3.Command, "--versioning-dir"); at < 0 || s3.Command[at+1] != "/versions" || s3.Command[len(s3.Command)-1] != "/data" {
		t.Errorf("s3 keeps no versions: %q", s3.Command)
	}
}

func TestRedisKeepsWhatItHas(t *testing.T) {
	command := strings.Join(load(t).Services["redis"].Command, " ")
	for _, want := range []string{"--maxmemory-policy noeviction", "--appendonly yes", "--appendfsync everysec"} {
		if !strings.Contains(command, want) {
			t.Errorf("redis runs without %s: %s", want, command)
		}
	}
}
