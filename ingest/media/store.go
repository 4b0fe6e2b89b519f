package media

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"leadlog/ingest/site"
)

// DefaultBucket is the bucket's name where S3_BUCKET names none.
const DefaultBucket = "landing-media"

// Names in the bucket, and of what is in it on the page.
const (
	// SiteKey is the object that says what the page says. It is not served.
	SiteKey = "site.json"
	// Path is where the page has the objects: Path + key.
	Path = "/media/"
)

// MaxSite is how many bytes a site.json may have.
const MaxSite = site.MaxBytes

// Store says where the bucket is. The zero value means without.
type Store struct {
	// Endpoint is http://host:port or https://host (S3_ENDPOINT). host:port alone means https, but http on the loopback.
	Endpoint string
	// AccessKey and SecretKey are S3's name for user and password.
	AccessKey, SecretKey string
	// Bucket is DefaultBucket when empty.
	Bucket string
}

// Given says whether there is a bucket at all.
func (s Store) Given() bool { return s.Endpoint != "" }

// Validate names the variable that is missing or can't be meant. It repeats no key.
func (s Store) Validate() error {
	if !s.Given() {
		return nil
	}
	if _, err := s.endpoint(); err != nil {
		return err
	}
	switch {
	case s.AccessKey == "":
		return errors.New("S3_ACCESS_KEY is empty: set it to the access key of the server at S3_ENDPOINT")
	case s.SecretKey == "":
		return errors.New("S3_SECRET_KEY is empty: set it to the secret key that belongs to S3_ACCESS_KEY")
	}
	if err := s3utils.CheckValidBucketNameStrict(s.bucket()); err != nil {
		return fmt.Errorf("S3_BUCKET: %w", err)
	}
	return nil
}

// Name names the bucket for people, without keys.
func (s Store) Name() string {
	u, err := s.endpoint()
	if err != nil {
		return "S3"
	}
	return "S3 " + u.String() + ", bucket " + s.bucket()
}

// WithDefaults fills the bucket's name in.
func (s Store) WithDefaults() Store {
	s.Bucket = s.bucket()
	return s
}

func (s Store) bucket() string {
	if s.Bucket == "" {
		return DefaultBucket
	}
	return s.Bucket
}

// endpoint returns scheme and host. The error does not repeat what was given: somebody may have put keys into it.
func (s Store) endpoint() (*url.URL, error) {
	wrong := errors.New("S3_ENDPOINT: use http://host:port or https://host:port, with nothing behind it and the keys in S3_ACCESS_KEY and S3_SECRET_KEY")
	text := s.Endpoint
	if host, _, err := net.SplitHostPort(text); err == nil && !strings.Contains(text, "://") {
		scheme := "https://"
		if loopback(host) {
			scheme = "http://"
		}
		text = scheme + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, wrong
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrong
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// dialTimeout is how long a connection may take; whoever asks has limits of his own.
const dialTimeout = 5 * time.Second

// Client returns a client of the store, which must be valid, and what ends its idle connections. It talks to nobody before it is
// asked something, and tries nothing twice: by the time of a second try a visitor is gone, and an operator knows better.
func (s Store) Client() (client *minio.Client, closeIdle func(), err error) {
	u, err := s.endpoint()
	if err != nil {
		return nil, nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // lengths and ETags are those of the stored bytes
		ForceAttemptHTTP2:   true,
	}
	client, err = minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: u.Scheme == "https", MaxRetries: 1,
		Transport: transport,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	return client, transport.CloseIdleConnections, nil
}
