package cli

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"

	"leadlog/ops/stack"
)

const welcomeText = `
Ready in {took}. One copy of everything, NOT replicated: for development. Ctrl-C stops it.

Leave a phone number:
  {site}/   or
  curl -d '{"phone":"۰۹۱۲۱۲۳۴۵۶۷"}' -H 'content-type: application/json' {site}/api/submit
  go run ./ops trace{flag} ID        ID is in the answer, or the phone itself

Look into the views:
  leads   (. {env}; psql "$DATABASE_URL" -c 'select * from landing_phone order by created_at desc limit 10')
  audit   {audit}
  dedup   redis-cli -p {redis} --scan --pattern 'dedup:phone:*' | head
  log     kcat -b {kafka} -t phone-submitted -C -e -q -o -10

Change what the page says and shows:
  go run ./ops site get{flag} > site.json
  go run ./ops site put{flag} site.json
  go run ./ops site media put{flag} hero.jpg   S3 is at {s3}, and believes every key

See how it does:
  go run ./ops status{flag}
  go run ./ops lag{flag}
  {private}/metrics  {private}/healthz
  {dir}/leadlog.log
`

const (
	auditInPostgres = `(. {env}; psql "$DATABASE_URL" -Atc "select doc from requests order by doc->>'ts' desc limit 10")`
	auditInMongo    = `(. {env}; mongosh "$MONGODB_URI" --eval 'db.requests.find().sort({ts:-1}).limit(10)')`
)

// welcome says what there is, and how to look into it, with commands to copy.
func welcome(r stack.Ready) string {
	audit, flag := auditInPostgres, ""
	if r.MongodbURI != "" {
		audit = auditInMongo
	}
	if r.DataDir != ".leadlog" {
		flag = " --data-dir " + shellWord(r.DataDir)
	}
	values := strings.NewReplacer(
		"{took}", span(r.Took).String(), "{site}", baseURL(r.Listen), "{private}", baseURL(r.PrivateListen), "{flag}", flag,
		"{env}", shellWord(sourced(filepath.Join(r.DataDir, stack.EnvFile))), "{kafka}", r.KafkaBrokers, "{redis}", r.RedisPort,
		"{s3}", r.S3Endpoint,
		"{dir}", r.DataDir,
	)
	return values.Replace(strings.Replace(welcomeText, "{audit}", audit, 1))
}

// sourced is a path as sh's dot takes it: it looks for a bare name in PATH.
func sourced(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return "./" + path
}

// baseURL is how a browser on this machine reaches a listener.
func baseURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "http://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./+:@-]+$`)

// shellWord quotes a path for sh, if it has to be.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
