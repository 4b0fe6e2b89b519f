package stack

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"leadlog/ingest/media"
	"leadlog/ops/stack/localpg/filelock"
)

// EnvFile is the file in the data folder that says where everything is. A shell can source it.
const EnvFile = "stack.env"

// Running says whether `ops up` is at work in a data folder.
func Running(dir string) bool {
	lock, err := filelock.Try(filepath.Join(dir, lockFile))
	if err != nil {
		return true // held, or not ours to look at
	}
	_ = lock.Release() // it was only tried
	return false
}

// Env is where everything of a stack is, in the environment's names.
type Env struct {
	KafkaBrokers  string
	DatabaseURL   string // with the password
	MongodbURI    string // empty when the audit log is in PostgreSQL
	RedisURL      string
	S3Endpoint    string
	S3AccessKey   string
	S3SecretKey   string
	S3Bucket      string
	Listen        string
	PrivateListen string
	PhoneRegion   string
	Dev           bool
}

// Media says where the page's media and site.json are.
func (e Env) Media() media.Store {
	return media.Store{Endpoint: e.S3Endpoint, AccessKey: e.S3AccessKey, SecretKey: e.S3SecretKey, Bucket: e.S3Bucket}
}

// variable is one line of the file.
type variable struct {
	name  string
	value *string
}

func (e *Env) variables(dev *string) []variable {
	return []variable{
		{"KAFKA_BROKERS", &e.KafkaBrokers},
		{"DATABASE_URL", &e.DatabaseURL},
		{"MONGODB_URI", &e.MongodbURI},
		{"REDIS_URL", &e.RedisURL},
		{"S3_ENDPOINT", &e.S3Endpoint},
		{"S3_ACCESS_KEY", &e.S3AccessKey},
		{"S3_SECRET_KEY", &e.S3SecretKey},
		{"S3_BUCKET", &e.S3Bucket},
		{"LISTEN", &e.Listen},
		{"PRIVATE_LISTEN", &e.PrivateListen},
		{"PHONE_REGION", &e.PhoneRegion},
		{"DEV", dev},
	}
}

// write puts the file in place, whole or not at all. It holds a password, so only its owner may read it.
func (e Env) write(dir string) error {
	dev := ""
	if e.Dev {
		dev = "1"
	}
	var text bytes.Buffer
	fmt.Fprintln(&text, "# Where `ops up` has everything. Use it: set -a; . this-file; set +a")
	for _, v := range e.variables(&dev) {
		if *v.value != "" {
			fmt.Fprintf(&text, "%s=%s\n", v.name, quote(*v.value))
		}
	}
	path := filepath.Join(dir, EnvFile)
	if err := os.WriteFile(path+".new", text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", EnvFile, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", EnvFile, err)
	}
	return nil
}

// ReadEnv reads the file of a data folder. The error wraps fs.ErrNotExist when there is none.
func ReadEnv(dataDir string) (Env, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, EnvFile))
	if err != nil {
		return Env{}, fmt.Errorf("data dir %s: %w", dataDir, err)
	}
	var e Env
	var dev string
	known := make(map[string]*string)
	for _, v := range e.variables(&dev) {
		known[v.name] = v.value
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		to, ok := known[name]
		if !ok {
			continue // of a later version
		}
		if *to, err = unquote(value); err != nil {
			return Env{}, fmt.Errorf("%s, line %d: %w", filepath.Join(dataDir, EnvFile), n, err)
		}
	}
	e.Dev = dev == "1"
	return e, nil
}

// quote writes a text as sh reads it back, whatever is in it.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func unquote(text string) (string, error) {
	inner, ok := strings.CutPrefix(text, "'")
	if ok {
		inner, ok = strings.CutSuffix(inner, "'")
	}
	inner = strings.ReplaceAll(inner, `'\''`, "\x00")
	if !ok || strings.Contains(inner, "'") {
		return "", fmt.Errorf("not NAME='value'")
	}
	return strings.ReplaceAll(inner, "\x00", "'"), nil
}
