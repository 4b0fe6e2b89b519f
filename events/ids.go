package events

import (
	"crypto/sha256"
	"errors"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Lengths of an Idempotency-Key, in characters.
const (
	MinIdempotencyKey = 16
	MaxIdempotencyKey = 255
)

// ErrIdempotencyKey is returned for an Idempotency-Key that is too short, too long, or not printable text.
var ErrIdempotencyKey = errors.New("invalid_idempotency_key")

// ReceiptOf derives the receipt of a submission that came with an Idempotency-Key: a UUIDv8 made of the first 16 bytes of
// SHA-256(key, 0x00, phone). Every retry, at any edge, so gets the same id, and one key used for two phones gets two.
func ReceiptOf(idempotencyKey, phone string) (uuid.UUID, error) {
	if err := checkIdempotencyKey(idempotencyKey); err != nil {
		return uuid.Nil, err
	}
	h := sha256.New()
	h.Write([]byte(idempotencyKey))
	h.Write([]byte{0})
	h.Write([]byte(phone))
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant RFC 9562
	return id, nil
}

func checkIdempotencyKey(key string) error {
	if n := utf8.RuneCountInString(key); n < MinIdempotencyKey || n > MaxIdempotencyKey || !utf8.ValidString(key) {
		return ErrIdempotencyKey
	}
	for _, r := range key {
		if unicode.IsControl(r) {
			return ErrIdempotencyKey
		}
	}
	return nil
}

// parseID reads an id in its one allowed spelling: 36 characters, lower case. A second spelling of one id would be a
// second identity in stores that keep ids as text.
func parseID(text []byte) (uuid.UUID, bool) {
	const spelled = 36 // uuid takes this length in one form only: digits in five groups with dashes between
	if len(text) != spelled {
		return uuid.Nil, false
	}
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return uuid.Nil, false
		}
	}
	id, err := uuid.ParseBytes(text)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, false
	}
	return id, true
}
