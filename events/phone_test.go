package events_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"leadlog/events"
)

func TestNormalizePhoneWithoutARegion(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"09121234567":                   "09121234567",
		" 09121234567\n":                "09121234567",
		"\u00a009121234567":             "09121234567",
		"+989121234567":                 "+989121234567",
		"۰۹۱۲۱۲۳۴۵۶۷":                   "09121234567",
		"٠٩١٢١٢٣٤٥٦٧":                   "09121234567",
		"\u202a+989121234567\u202c":     "+989121234567",
		"\u200f\u200e0912\u200d1234567": "09121234567",
		"\ufeff09121234567":             "09121234567",
		"0912\u00ad1234567":             "09121234567",
		"1234567890":                    "1234567890",
		"+123456789012345":              "+123456789012345",
		"123456789":                     "invalid_phone",
		"1234567890123456":              "invalid_phone",
		"0912 123 4567":                 "invalid_phone",
		"0912-1234567":                  "invalid_phone",
		"+":                             "invalid_phone",
		"":                              "invalid_phone",
		"=cmd()":                        "invalid_phone",
		"letters":                       "invalid_phone",
		"++989121234567":                "invalid_phone",
		"9891212345+67":                 "invalid_phone",
		"०९१२१२३४५६७":                   "invalid_phone", // Devanagari
		"09121234567\x00":               "invalid_phone",
		"0912123456\xff":                "invalid_phone",
		strings.Repeat("1", 40):         "invalid_phone",
		strings.Repeat("\u200e", 1<<10): "invalid_phone",
		"00989121234567":                "use_plus_prefix",
		"۰۰۹۸۹۱۲۱۲۳۴۵۶۷":                "use_plus_prefix",
		"\u202a00989121234567\u202c":    "use_plus_prefix",
		"0":                             "invalid_phone",
		"+0012345678":                   "+0012345678",
	} {
		got, err := events.NormalizePhone(typed, "")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
}

func TestNormalizePhoneWithARegion(t *testing.T) {
	t.Parallel()
	const person = "+989121234567"
	for typed, want := range map[string]string{
		"09121234567":                      person,
		"9121234567":                       person,
		"+989121234567":                    person,
		"+98 912 123 4567":                 person,
		"0912-123-4567":                    person,
		"0912.123.4567":                    person,
		"(0912) 123/4567":                  person,
		"0912\u2011123\u20114567":          person,
		"0912\u00a0123\u00a04567":          person,
		"۰۹۱۲ ۱۲۳ ۴۵۶۷":                    person,
		"٠٩١٢١٢٣٤٥٦٧":                      person,
		"\u2066+98\u2069 912\u200c1234567": person,
		"989121234567":                     person,
		"+12015550123":                     "+12015550123",
		"02112345678":                      "+982112345678",
		"0912123456":                       "invalid_phone",
		"1234567890123":                    "invalid_phone",
		"1-800-FLOWERS":                    "invalid_phone",
		"0912123456a":                      "invalid_phone",
		"00989121234567":                   "use_plus_prefix",
		"":                                 "invalid_phone",
		"+":                                "invalid_phone",
		" - ":                              "invalid_phone",
	} {
		got, err := events.NormalizePhone(typed, "IR")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
	if err := errors.Join(events.CheckRegion("IR"), events.CheckRegion("")); err != nil {
		t.Error(err)
	}
	for _, region := range []string{"ir", "XX", "IRN", "001"} {
		if events.CheckRegion(region) == nil {
			t.Errorf("region %q was taken", region)
		}
	}
}

// spellings are the ways in which phones, keyboards and chat programs render one and the same number.
func spellings(number string) []string {
	digits := func(zero rune) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, number)
	}
	return []string{
		number, digits('۰'), digits('٠'), " " + number + "\t", "\u202a" + number + "\u202c", "\u2066" + number + "\u2069",
		"\u200f" + number, strings.Join(strings.Split(number, ""), "\u200d"), "\ufeff" + number + "\u00a0",
	}
}

// libphonenumber's example numbers of every region and kind, as people type them.
func TestRealNumbersOfEveryRegion(t *testing.T) {
	t.Parallel()
	numbers := 0
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil || !phonenumbers.IsValidNumber(example) {
				continue
			}
			numbers++
			e164 := phonenumbers.Format(example, phonenumbers.E164)
			for _, format := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL} {
				typed := phonenumbers.Format(example, format)
				if read, err := phonenumbers.Parse(typed, region); err != nil || !phonenumbers.IsValidNumber(read) {
					continue // the library can't read what it writes: Argentina's mobile numbers, nationally
				}
				checkSpellings(t, typed, region, e164)
			}
		}
	}
	if numbers < 500 {
		t.Fatalf("only %d example numbers", numbers)
	}
}

func checkSpellings(t *testing.T, typed, region, e164 string) {
	t.Helper()
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \u00a0-.()/\u2011", r) {
			return -1
		}
		return r
	}, typed)
	for _, s := range spellings(typed) {
		got, err := events.NormalizePhone(s, region)
		switch {
		case strings.HasPrefix(bare, "00"):
			if !errors.Is(err, events.ErrUsePlusPrefix) {
				t.Errorf("%s %q: %s, %v", region, s, got, err)
			}
		case len(strings.Trim(bare, "+0123456789")) > 0: // a star, a tilde
			if err == nil {
				t.Errorf("%s %q was taken", region, s)
			}
		case got != e164:
			t.Errorf("%s %q: %q (%v), want %s", region, s, got, err, e164)
		}
		got, err = events.NormalizePhone(s, "")
		digits := strings.TrimPrefix(typed, "+")
		plain := strings.Trim(digits, "0123456789") == "" && len(digits) >= 10 && len(digits) <= 15 && !strings.HasPrefix(typed, "00")
		if plain != (err == nil) || plain && got != typed {
			t.Errorf("without a region, %q: %q, %v", s, got, err)
		}
	}
}

func FuzzNormalizePhone(f *testing.F) {
	for _, s := range append(spellings("+98 912-123.4567"), spellings("00989121234567")...) {
		f.Add(s, "IR")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, typed, region string) {
		if events.CheckRegion(region) != nil {
			return
		}
		phone, err := events.NormalizePhone(typed, region)
		if err != nil {
			if phone != "" || !errors.Is(err, events.ErrInvalidPhone) && !errors.Is(err, events.ErrUsePlusPrefix) {
				t.Fatalf("%q, %v", phone, err)
			}
			return
		}
		if !utf8.ValidString(typed) || len(phone) > events.MaxPhone {
			t.Fatalf("%q became %q", typed, phone)
		}
		again, err := events.NormalizePhone(phone, region)
		if err != nil || again != phone {
			t.Fatalf("%q became %q, and that became %q, %v", typed, phone, again, err)
		}
		e := full()
		e.Phone, e.PhoneRegion = phone, region
		if _, err := events.Encode(&e); err != nil {
			t.Fatalf("%q is taken, but can't be stored: %v", phone, err)
		}
	})
}
