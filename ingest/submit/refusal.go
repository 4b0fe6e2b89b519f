package submit

import (
	"errors"
	"net/http"
	"time"

	"leadlog/events"
	"leadlog/ingest/kafkalog"
	"leadlog/ingest/problem"
)

// refusal is why a request is not taken, in words that the client may see.
type refusal struct {
	status int
	code   string
	field  string
	close  bool // the body was not read to its end
}

func (r *refusal) Error() string { return r.code }

// What the edge refuses. The codes are stable.
var (
	errForbiddenOrigin = &refusal{status: http.StatusForbidden, code: "forbidden_origin"}
	errPhoneInQuery    = &refusal{status: http.StatusBadRequest, code: "phone_in_query"}
	errMediaType       = &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type"}
	errEncoding        = &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_content_encoding"}
	errTooLarge        = &refusal{status: http.StatusRequestEntityTooLarge, code: "body_too_large", close: true}
	errTooSlow         = &refusal{status: http.StatusRequestTimeout, code: "body_too_slow", close: true}
	errCutShort        = &refusal{status: http.StatusBadRequest, code: "body_cut_short", close: true}
	errEmptyBody       = &refusal{status: http.StatusBadRequest, code: "empty_body"}
	errInvalidJSON     = &refusal{status: http.StatusBadRequest, code: "invalid_json"}
	errUnknownField    = &refusal{status: http.StatusBadRequest, code: "unknown_field"}
	errIdempotencyKey  = &refusal{status: http.StatusBadRequest, code: "invalid_idempotency_key", field: "idempotency_key"}
	errInvalidPhone    = &refusal{status: http.StatusBadRequest, code: "invalid_phone", field: "phone"}
	errUsePlusPrefix   = &refusal{status: http.StatusBadRequest, code: "use_plus_prefix", field: "phone"}
	errInternal        = &refusal{status: http.StatusInternalServerError, code: "internal"}
)

func invalidField(name string) error {
	if name == "phone" {
		return errInvalidPhone
	}
	return &refusal{status: http.StatusBadRequest, code: "invalid_field", field: name}
}

func repeatedField(name string) error {
	return &refusal{status: http.StatusBadRequest, code: "repeated_field", field: name}
}

// limitedError is returned for a client that is over its limit.
type limitedError struct{ left time.Duration }

func (limitedError) Error() string { return "rate_limited" }

// problemOf is the one place where an error becomes a status. What it does not know is internal, and shown as nothing else.
func problemOf(err error) problem.Problem {
	var refused *refusal
	var limited limitedError
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case errors.As(err, &refused):
		return refused.problem()
	case errors.As(err, &limited):
		return problem.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: limited.left}
	case is(events.ErrUsePlusPrefix):
		return errUsePlusPrefix.problem()
	case is(events.ErrInvalidPhone):
		return errInvalidPhone.problem()
	case is(events.ErrIdempotencyKey):
		return errIdempotencyKey.problem()
	case is(kafkalog.ErrNotReady):
		return unavailable("not_ready", 5*time.Second)
	case is(kafkalog.ErrOverloaded), is(errWaited), is(errLine):
		return unavailable("overloaded", time.Second)
	case is(kafkalog.ErrRefused):
		return unavailable("refused", 30*time.Second)
	case is(kafkalog.ErrUnknown):
		return unavailable("outcome_unknown", 2*time.Second)
	}
	return errInternal.problem()
}

func (r *refusal) problem() problem.Problem {
	return problem.Problem{Status: r.status, Code: r.code, Field: r.field, Close: r.close}
}

func unavailable(code string, again time.Duration) problem.Problem {
	return problem.Problem{Status: http.StatusServiceUnavailable, Code: code, RetryAfter: again}
}
