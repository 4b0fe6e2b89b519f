package events

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// Why a phone number is refused. The texts are the codes that clients see.
var (
	ErrInvalidPhone  = errors.New("invalid_phone")
	ErrUsePlusPrefix = errors.New("use_plus_prefix") // 00… means +… in most countries, but not in all
)

// maxTyped bounds what is looked at: no way of typing a number needs more bytes.
const maxTyped = 256

// NormalizePhone turns a number as a person typed it into the one spelling that is stored.
//
// It trims, drops Unicode format characters (bidi marks and joiners that phones and chat programs paste) and folds Persian
// and Arabic-Indic digits to ASCII. Without a region the result must be 10 to 15 digits with an optional plus sign, and is
// stored so. With one (such as "IR"), the separators that people type are dropped too, the region's numbering plan decides
// instead of the length, and E.164 is stored, so that 09121234567 and +989121234567 are one person.
//
// The error is ErrUsePlusPrefix or ErrInvalidPhone.
func NormalizePhone(typed, region string) (string, error) {
	if len(typed) > maxTyped || !utf8.ValidString(typed) {
		return "", ErrInvalidPhone
	}
	phone := foldPhone(strings.TrimSpace(typed), region != "")
	if strings.HasPrefix(phone, "00") {
		return "", ErrUsePlusPrefix
	}
	if region != "" {
		var err error
		if phone, err = toE164(phone, region); err != nil {
			return "", err
		}
	}
	if !validPhone(phone, region) {
		return "", ErrInvalidPhone
	}
	return phone, nil
}

// CheckRegion says whether NormalizePhone knows a region. The empty one, none, is fine.
func CheckRegion(region string) error {
	if region == "" || phonenumbers.GetSupportedRegions()[region] {
		return nil
	}
	return fmt.Errorf("unknown phone region %q: use an ISO 3166-1 code in capitals, such as IR", region)
}

func foldPhone(typed string, dropSeparators bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '۰' && r <= '۹':
			return '0' + r - '۰'
		case r >= '٠' && r <= '٩':
			return '0' + r - '٠'
		case unicode.Is(unicode.Cf, r), dropSeparators && isSeparator(r):
			return -1
		}
		return r
	}, typed)
}

func isSeparator(r rune) bool {
	return strings.ContainsRune(" \u00a0-.()/\u2011", r)
}

// toE164 reads digits by a region's numbering plan. The parser would take letters and much else, and formats numbers that
// do not exist: so only digits go in, and IsValidNumber decides.
func toE164(phone, region string) (string, error) {
	if len(phone) > MaxPhone || !isDigits(strings.TrimPrefix(phone, "+")) {
		return "", ErrInvalidPhone
	}
	number, err := phonenumbers.Parse(phone, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", ErrInvalidPhone
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// validPhone is what is allowed to be stored: the pattern of the JSON Schema.
func validPhone(phone, region string) bool {
	digits := strings.TrimPrefix(phone, "+")
	if !isDigits(digits) || len(phone) > MaxPhone {
		return false
	}
	if region != "" { // E.164
		return digits != phone && digits[0] != '0' && len(digits) >= 4 && len(digits) <= 15
	}
	return len(digits) >= 10 && len(digits) <= 15 && !strings.HasPrefix(phone, "00")
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
