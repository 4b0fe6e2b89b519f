package stack

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	env := Env{
		KafkaBrokers: "127.0.0.1:20001", DatabaseURL: "postgres://leadlog:it's $HOME `x` \"y\"@127.0.0.1:20002/leadlog",
		RedisURL: "redis://127.0.0.1:20003/0", S3Endpoint: "http://127.0.0.1:20004",
		S3AccessKey: "leadlog", S3SecretKey: "it's", S3Bucket: "landing-media", Listen: "127.0.0.1:8080", PrivateListen: "127.0.0.1:9090", PhoneRegion: "IR", Dev: true,
	}
	dir := t.TempDir()
	if err := env.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadEnv(dir)
	if err != nil || got != env {
		t.Errorf("got %+v, %v\nwant %+v", got, err, env)
	}
	path := filepath.Join(dir, EnvFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if text, _ := os.ReadFile(path); strings.Contains(string(text), "MONGODB_URI") {
		t.Errorf("it names a MongoDB that there is none of:\n%s", text)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; printf %s "$DATABASE_URL"`, path).Output()
	if err != nil || string(out) != env.DatabaseURL {
		t.Errorf("sh reads %q, %v", out, err)
	}
}

func TestEnvOfAFolderWithout(t *testing.T) {
	t.Parallel()
	if _, err := ReadEnv(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestEnvThatSomebodyBroke(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, text := range []string{"KAFKA_BROKERS=a:1\n", "KAFKA_BROKERS='a:1\n", "KAFKA_BROKERS='a'b'\n", "KAFKA_BROKERS\n", "KAFKA_BROKERS='\n"} {
		if err := os.WriteFile(filepath.Join(dir, EnvFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if env, err := ReadEnv(dir); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %+v, %v", text, env, err)
		}
	}
}
