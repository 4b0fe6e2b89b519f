package media

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/minio/minio-go/v7"
)

// Missing says whether an error of the client's means that there is no such object. That a bucket or a user is not there is an HTTP
// 404 as well, and something else.
func Missing(err error) bool { return codeOf(err) == minio.NoSuchKey }

// NoBucket says whether an error of the client's means that there is no such bucket.
func NoBucket(err error) bool { return codeOf(err) == minio.NoSuchBucket }

func codeOf(err error) string {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.Code
}

// Explain says what an error of the client's means, beginning with the variable to look at. It names no key. What errors.Is and
// errors.As found in the error they find in what it returns.
func (s Store) Explain(err error) error {
	var answer minio.ErrorResponse
	var unsent *url.Error
	switch {
	case errors.As(err, &answer):
		return explained{s.meaning(answer), err}
	case errors.Is(err, http.ErrSchemeMismatch):
		return explained{"S3_ENDPOINT: the server speaks no TLS: use http://", err}
	case errors.As(err, &unsent): // its own words name the address of a question that nobody asked
		return explained{"S3_ENDPOINT: " + unsent.Err.Error(), err}
	}
	return err
}

// explained is an error in our words.
type explained struct {
	text string
	err  error
}

// Error implements error.
func (e explained) Error() string { return e.text }

// Unwrap lets errors.Is and errors.As find what it was.
func (e explained) Unwrap() error { return e.err }

const keys = "S3_ACCESS_KEY, S3_SECRET_KEY: "

// meaning is what an answer of the server's says, in our words. Servers differ: to versitygw an access key that it does not know
// is a 404.
func (s Store) meaning(a minio.ErrorResponse) string {
	switch code := plainCode(a); {
	case code == minio.NoSuchBucket:
		return fmt.Sprintf("S3_BUCKET: there is no bucket %s: `ops site put` and `ops site media put` make it", s.bucket())
	case code == minio.InvalidAccessKeyID || code == "XAdminUserNotFound":
		return fmt.Sprintf("%sthe server knows no such access key (%s)", keys, code)
	case code == minio.SignatureDoesNotMatch:
		return fmt.Sprintf("%sthe secret key is not that of the access key (%s)", keys, code)
	case code == "RequestTimeTooSkewed":
		return "the clocks of this machine and of the server at S3_ENDPOINT differ too much"
	case a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden:
		return fmt.Sprintf("%sthe server does not let them do this (%s)", keys, code)
	case a.StatusCode == http.StatusBadRequest && code == http.StatusText(a.StatusCode):
		return "S3_ENDPOINT: the server answers 400, and not as S3 does: does it want https://?"
	default:
		return fmt.Sprintf("S3_ENDPOINT: the server answers %d (%s)", a.StatusCode, code)
	}
}

var s3Code = regexp.MustCompile(`^[A-Za-z0-9.]{1,60}$`)

// plainCode is the code of an answer. What does not look like one, HTTP's own name of the status stands for.
func plainCode(a minio.ErrorResponse) string {
	switch {
	case s3Code.MatchString(a.Code):
		return a.Code
	case http.StatusText(a.StatusCode) != "":
		return http.StatusText(a.StatusCode)
	}
	return "HTTP " + strconv.Itoa(a.StatusCode)
}
