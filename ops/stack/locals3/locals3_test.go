package locals3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"

	"leadlog/ingest/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "landing-media"

// local is a server that ends with the test, and a client of it.
type local struct {
	*testing.T
	*minio.Client
	server *Server
	end    func()
}

func launch(t *testing.T, dir string) *local {
	t.Helper()
	server, err := Listen(Config{Dir: dir, Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	client, closeIdle, err := media.Store{Endpoint: server.URL(), AccessKey: AccessKey, SecretKey: SecretKey}.Client()
	if err != nil {
		t.Fatal(err)
	}
	l := &local{T: t, Client: client, server: server}
	l.end = func() {
		cancel()
		closeIdle()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *local) put(key, content string, when minio.PutObjectOptions) (minio.UploadInfo, error) {
	return l.PutObject(l.Context(), bucket, key, strings.NewReader(content), int64(len(content)), when)
}

func (l *local) expect(key, want string) minio.ObjectInfo {
	l.Helper()
	object, err := l.GetObject(l.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		l.Fatal(err)
	}
	defer object.Close() //nolint:errcheck // it was only read from
	content, err := io.ReadAll(object)
	if err != nil || string(content) != want {
		l.Fatalf("%s is %q, %v, want %q", key, content, err, want)
	}
	info, err := object.Stat()
	if err != nil {
		l.Fatal(err)
	}
	return info
}

func status(err error) int { return minio.ToErrorResponse(err).StatusCode }

func TestWhatWasPutIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "s3")
	l := launch(t, dir)
	put, err := l.put("a/b c/ü.png", "content", minio.PutObjectOptions{ContentType: "image/png", UserMetadata: map[string]string{"who": "me"}})
	if err != nil {
		t.Fatal(err)
	}
	// What a kill leaves behind.
	if err := os.WriteFile(filepath.Join(dir, newFolder, "cut-off"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.end()

	again := launch(t, dir)
	info := again.expect("a/b c/ü.png", "content")
	if info.ContentType != "image/png" || info.ETag != put.ETag || info.UserMetadata["Who"] != "me" || info.LastModified.IsZero() {
		t.Errorf("%+v, was put as %+v", info, put)
	}
	if left, err := os.ReadDir(filepath.Join(dir, newFolder)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRangesAndConditions(t *testing.T) {
	t.Parallel()
	l := launch(t, t.TempDir())
	first, err := l.put("k", "0123456789", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	core := minio.Core{Client: l.Client}
	var options minio.GetObjectOptions
	_ = options.SetRange(2, 4)
	body, info, _, err := core.GetObject(t.Context(), bucket, "k", options)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := io.ReadAll(body)
	_ = body.Close()
	if string(content) != "234" || info.Size != 3 {
		t.Errorf("%q, %+v", content, info)
	}
	_ = options.SetRange(10, 11)
	if _, _, _, err := core.GetObject(t.Context(), bucket, "k", options); status(err) != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("past the end: %v", err)
	}
	var unless minio.GetObjectOptions
	_ = unless.SetMatchETagExcept(first.ETag)
	if _, _, _, err := core.GetObject(t.Context(), bucket, "k", unless); status(err) != http.StatusNotModified {
		t.Errorf("unchanged: %v", err)
	}

	var isNew, isFirst minio.PutObjectOptions
	isNew.SetMatchETagExcept("*")
	isFirst.SetMatchETag(first.ETag)
	if _, err := l.put("k", "x", isNew); status(err) != http.StatusPreconditionFailed {
		t.Errorf("there already: %v", err)
	}
	if _, err := l.put("k", "second", isFirst); err != nil {
		t.Errorf("the one that is there: %v", err)
	}
	if _, err := l.put("k", "third", isFirst); status(err) != http.StatusPreconditionFailed {
		t.Errorf("another one by now: %v", err)
	}
	if _, err := l.put("other", "x", isFirst); status(err) != http.StatusPreconditionFailed {
		t.Errorf("none: %v", err)
	}
	if _, err := l.put("other", "new", isNew); err != nil {
		t.Errorf("a new one: %v", err)
	}
	l.expect("k", "second")
	l.expect("other", "new")
}

func TestListsAndRemovals(t *testing.T) {
	t.Parallel()
	l := launch(t, t.TempDir())
	for _, key := range []string{"a.png", "folder/b.png", "folder/c.png", "site.json"} {
		if _, err := l.put(key, "content", minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(options minio.ListObjectsOptions) (keys []string) {
		for found := range l.ListObjects(t.Context(), bucket, options) {
			if found.Err != nil {
				t.Fatal(found.Err)
			}
			keys = append(keys, found.Key)
		}
		slices.Sort(keys)
		return keys
	}
	if got := list(minio.ListObjectsOptions{Recursive: true}); strings.Join(got, " ") != "a.png folder/b.png folder/c.png site.json" {
		t.Errorf("all: %q", got)
	}
	if got := list(minio.ListObjectsOptions{}); strings.Join(got, " ") != "a.png folder/ site.json" {
		t.Errorf("the top: %q", got)
	}
	if got := list(minio.ListObjectsOptions{Prefix: "folder/", Recursive: true}); len(got) != 2 {
		t.Errorf("a folder: %q", got)
	}
	if err := l.RemoveBucket(t.Context(), bucket); err == nil {
		t.Error("a bucket with objects was removed")
	}
	for _, key := range []string{"a.png", "folder/b.png", "folder/c.png", "site.json", "never"} {
		if err := l.RemoveObject(t.Context(), bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := l.StatObject(t.Context(), bucket, "a.png", minio.StatObjectOptions{}); !media.Missing(err) {
		t.Errorf("removed: %v", err)
	}
	if err := l.RemoveBucket(t.Context(), bucket); err != nil {
		t.Errorf("an empty bucket: %v", err)
	}
	if exists, err := l.BucketExists(t.Context(), bucket); exists || err != nil {
		t.Errorf("the bucket: %v, %v", exists, err)
	}
}

// Keys and buckets from outside stay within the folder, whatever they are called.
func TestNothingGetsOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := launch(t, filepath.Join(dir, "s3"))
	for _, path := range []string{
		"/" + bucket + "/../../../secret", "/" + bucket + "/..", "/" + bucket + "/.", "/" + bucket + "/%2e%2e/%2e%2e/secret", "/../secret", "/%2e%2e/secret",
		"/..%2fsecret/x", "/new/x", "/buckets/" + bucket, "/" + bucket + "/" + strings.Repeat("k", 300),
	} {
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
			r, err := http.NewRequestWithContext(t.Context(), method, l.server.URL(), strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Opaque = path
			r.Close = true
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			content, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if bytes.Contains(content, []byte("secret</")) || string(content) == "secret" || answer.StatusCode >= 500 {
				t.Errorf("%s %s: %s %s", method, path, answer.Status, content)
			}
		}
	}
	if content, err := os.ReadFile(filepath.Join(dir, "secret")); err != nil || string(content) != "secret" {
		t.Errorf("%q, %v", content, err)
	}
	if outside, err := os.ReadDir(dir); err != nil || len(outside) != 2 {
		t.Errorf("outside are %v, %v", outside, err)
	}
}

func TestWebPagesAreTurnedAway(t *testing.T) {
	t.Parallel()
	l := launch(t, t.TempDir())
	for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPut} {
		r, _ := http.NewRequestWithContext(t.Context(), method, l.server.URL()+"/"+bucket+"/site.json", strings.NewReader("x"))
		r.Header.Set("Origin", "https://evil.example")
		r.Close = true
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s, %v", method, answer.Status, answer.Header)
		}
	}
}

// A file that is no object is an error, never somebody's content.
func TestABrokenFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := launch(t, dir)
	for _, content := range []string{"", "short", strings.Repeat("\xff", 100)} {
		if err := os.WriteFile(filepath.Join(dir, objectPath(bucket, "k")), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := l.StatObject(t.Context(), bucket, "k", minio.StatObjectOptions{})
		if status(err) != http.StatusInternalServerError {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l := launch(t, t.TempDir())
	port := l.server.listener.Addr().(*net.TCPAddr).Port
	if _, err := Listen(Config{Dir: t.TempDir(), Port: port, Bucket: bucket}); !errors.Is(err, ErrPortTaken) {
		t.Errorf("Listen on a taken port = %v, want ErrPortTaken", err)
	}
}

// An upload that is cut off, or ends before it should, leaves what was there.
func TestAPutThatIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := launch(t, dir)
	if _, err := l.put("k", "whole", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	signature := strings.Repeat("0", 64)
	for _, request := range []string{
		"Content-Length: 100\r\n\r\nhalf",
		"X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nX-Amz-Decoded-Content-Length: 100\r\nContent-Length: 174\r\n\r\n" +
			"4;chunk-signature=" + signature + "\r\nhalf\r\n0;chunk-signature=" + signature + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", l.server.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("PUT /" + bucket + "/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + request))
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if bytes.Contains(answer, []byte(" 200 OK")) {
			t.Errorf("%s", answer)
		}
		l.expect("k", "whole")
	}
	if left, err := os.ReadDir(filepath.Join(dir, newFolder)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
