package cli

import (
	"strings"
	"testing"
	"time"
)

func TestSheets(t *testing.T) {
	t.Parallel()
	s := sheet{kind: "view", columns: []string{"name", "time_lag", "since", "views", "none"}}
	s.add("=cmd()\x1b[2J", 90*time.Second, time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600)), map[string]string{"b": "2", "a": "1"}, nil)
	for format, want := range map[string]string{
		"table": "NAME           TIME-LAG  SINCE                     VIEWS    NONE\n" +
			`=cmd()\x1b[2J  1m30s     2026-01-02T02:04:05.006Z  a=1 b=2  -` + "\n",
		"json": `{"kind":"view","name":"=cmd()\u001b[2J","time_lag":90,"since":"2026-01-02T02:04:05.006Z","views":{"a":"1","b":"2"},"none":null}` + "\n",
		"csv":  "kind,name,time_lag,since,views,none\nview,'=cmd()\x1b[2J,90,2026-01-02T02:04:05.006Z,a=1 b=2,\n",
	} {
		var out strings.Builder
		if err := (shown{Output: format}).show(&out, s); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain \"text\"": "plain \"text\"", "۰۹۱۲ é": "۰۹۱۲ é", "a\x1b]0;x\a": `a\x1b]0;x\a`, "a\nb": `a\nb`,
		"\u202eabc": `\u202eabc`, "\xff": `\xff`, "\"\n": `"\n`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPhonesAreMasked(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"09121234567": "0912*****67", "+989121234567": "+989*******67", "123456": "******", "": ""} {
		if got := (private{}).phone(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
		if got := (private{ShowPII: true}).phone(number); got != number {
			t.Errorf("with --show-pii: %s", got)
		}
	}
	if got, want := (private{}).text(`{"phone":"0912-۱۲۳ ٤٥","x":"a1"}`), `{"phone":"****-*** **","x":"a*"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPlacesHaveNoPasswords(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://user:p%40ss@db:5432/leadlog?sslmode=disable&password=x": "db:5432/leadlog",
		"mongodb://user:secret@m1:27017,m2:27017/leadlog?replicaSet=rs":     "m1:27017,m2:27017/leadlog",
		"redis://:secr@t@cache:6379/0":                                      "cache:6379/0",
		"host=db password=secret":                                           "(not a URL)",
		"":                                                                  "",
	} {
		if got := place(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestWelcomeIsForThisStack(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://localhost:8080", "[::]:8080": "http://localhost:8080",
		"0.0.0.0:8080": "http://localhost:8080", "[::1]:80": "http://[::1]:80",
	} {
		if got := baseURL(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for path, want := range map[string]string{"./x/y.env": "./x/y.env", "/a b/it's": `'/a b/it'\''s'`} {
		if got := shellWord(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
