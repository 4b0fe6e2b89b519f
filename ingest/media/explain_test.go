package media

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"leadlog/ops/telemetry"
)

// locked is a server that a key was taken from: it answers as versitygw does, and has no words in an answer to a HEAD.
func locked(code string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>topsecret</Message></Error>", code)
	}
}

// What an edge is not told by S3 it does not tell its visitors: that an image is not there, or that site.json is gone.
func TestKeysThatAreTakenAwayAreNoMissingObjects(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"access key":   {locked("XAdminUserNotFound", http.StatusNotFound), "S3_ACCESS_KEY, S3_SECRET_KEY: the server knows no such access key (XAdminUserNotFound)"},
		"secret key":   {locked("SignatureDoesNotMatch", http.StatusForbidden), "S3_ACCESS_KEY, S3_SECRET_KEY: the secret key is not that of the access key (SignatureDoesNotMatch)"},
		"not allowed":  {locked("AccessDenied", http.StatusForbidden), "S3_ACCESS_KEY, S3_SECRET_KEY: the server does not let them do this (AccessDenied)"},
		"bucket":       {locked("NoSuchBucket", http.StatusNotFound), "S3_BUCKET: there is no bucket "},
		"none of ours": {locked("\x1b[2J\n", http.StatusServiceUnavailable), "S3_ENDPOINT: the server answers 503 (Service Unavailable)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s3 := newFakeS3(t)
			e := newEdge(t, s3.store(), quick())
			e.makeBucket()
			e.put(SiteKey, "application/json", []byte("one"))
			e.put("a.png", "image/png", []byte("x"))
			f := follow(e)
			f.expect("one")
			if got := e.get("/media/a.png"); got.StatusCode != http.StatusOK {
				t.Fatalf("%s", got.Status)
			}
			s3.instead(test.answer)
			for range 5 {
				e.expectUnavailable(e.get("/media/a.png"))
				e.expectUnavailable(e.get("/media/b.png"))
			}
			f.until("the health says why", func(p telemetry.Part) bool {
				return p.Status == telemetry.Degraded && strings.HasPrefix(p.Detail, test.want)
			})
			s3.instead(nil)
			f.until("it is mended", func(p telemetry.Part) bool { return p.Status == telemetry.Healthy })
			if e.logged.count("gone") != 0 || e.logged.count("topsecret") != 0 || len(f.shown) != 0 {
				t.Errorf("shown again %d times; logged:\n%s", len(f.shown), e.logged.text.String())
			}
		})
	}
}

// The same from the start, on an S3 that looks at keys.
func TestWrongKeysOnARealS3(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*Store)
		want   string
	}{
		"access key": {func(s *Store) { s.AccessKey = "topsecret" }, "S3_ACCESS_KEY, S3_SECRET_KEY: the server knows no such access key"},
		"secret key": {func(s *Store) { s.SecretKey = "topsecret" }, "S3_ACCESS_KEY, S3_SECRET_KEY: the secret key is not that"},
		"bucket":     {func(*Store) {}, "S3_BUCKET: there is no bucket "},
		"scheme":     {func(s *Store) { s.Endpoint = strings.Replace(s.Endpoint, "http://", "https://", 1) }, "S3_ENDPOINT: the server speaks no TLS: use http://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := realS3(t)
			test.change(&store)
			e := newEdge(t, store, quick())
			f := follow(e)
			f.until("the health says why", func(p telemetry.Part) bool {
				return p.Status == telemetry.Degraded && strings.HasPrefix(p.Detail, test.want) && !strings.Contains(p.Detail, "topsecret")
			})
			e.expectUnavailable(e.get("/media/a.png"))
			e.expectUnavailable(e.do(http.MethodGet, "/media/a.png", "Range", "bytes=0-0"))
			if got := e.do(http.MethodHead, "/media/a.png"); got.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("HEAD: %s", got.Status)
			}
		})
	}
}

// A bucket that is removed from under a running edge is not one without images.
func TestABucketThatIsRemoved(t *testing.T) {
	t.Parallel()
	onEveryS3(t, func(t *testing.T, e *edge) {
		e.makeBucket()
		if got := e.get("/media/a.png"); got.StatusCode != http.StatusNotFound {
			t.Fatalf("%s", got.Status)
		}
		if err := e.client.RemoveBucket(t.Context(), e.store.Bucket); err != nil {
			t.Fatal(err)
		}
		e.expectUnavailable(e.get("/media/a.png"))
	})
}

func TestErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for want, store := range map[string]Store{
		"S3_ENDPOINT: dial tcp":                             nobody(t),
		"S3_ENDPOINT: the server speaks no TLS: use http:/": {Endpoint: "https://" + plain.Listener.Addr().String()},
		"S3_ENDPOINT: the server answers 400, and not":      {Endpoint: "http://" + tls.Listener.Addr().String()},
		"S3_ENDPOINT: tls: failed to verify certificate":    {Endpoint: tls.URL},
	} {
		store.AccessKey, store.SecretKey, store.Bucket = "a", "topsecret", "bucket"
		client, closeIdle, err := store.Client()
		if err != nil {
			t.Fatal(err)
		}
		_, raw := client.StatObject(t.Context(), store.Bucket, "a.png", minio.StatObjectOptions{})
		closeIdle()
		got := store.Explain(raw)
		if got == nil || !strings.HasPrefix(got.Error(), want) || strings.Contains(got.Error(), "location=") || strings.Contains(got.Error(), "topsecret") {
			t.Errorf("%v, want %s…", got, want)
		}
		if !errors.Is(got, errors.Unwrap(got)) {
			t.Errorf("%v has lost what it was", got)
		}
	}
	slow := errors.New("slow")
	if got := (Store{}).Explain(slow); !errors.Is(got, slow) || got.Error() != "slow" || (Store{}).Explain(nil) != nil {
		t.Errorf("%v", got)
	}
}
