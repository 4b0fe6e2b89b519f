package events_test

import (
	"testing"

	"leadlog/events"
)

// Computed by org.apache.kafka.common.utils.Utils.murmur2 of Kafka 4.3.1.
func TestPartitionOfIsKafkasOwn(t *testing.T) {
	t.Parallel()
	for phone, want := range map[string]int32{
		"09121234567": 9, "+989121234567": 2, "9121234567": 3, "00000000000": 10, "+12015550123": 5, "+29022158": 4,
		"0123456789": 8, "012345678901234": 8, "+012345678901234": 11, "1": 3, "12": 10, "123": 5, "1234": 0,
	} {
		if got := events.PartitionOf(phone); got != want {
			t.Errorf("%s: partition %d, want %d", phone, got, want)
		}
	}
}

// Computed with sha256sum over the key, a zero byte and the phone.
func TestReceiptOfIsTheSameForEveryRetry(t *testing.T) {
	t.Parallel()
	got, err := events.ReceiptOf("0123456789abcdef", "09121234567")
	if err != nil || got.String() != "ad4a7cd7-4902-82df-b7f7-2f47c145cfb7" || got.Version() != 8 {
		t.Fatalf("%s, %v", got, err)
	}
	other, err := events.ReceiptOf("0123456789abcdef", "09121234568")
	if err != nil || other == got {
		t.Fatalf("another phone has the same receipt: %s, %v", other, err)
	}
}

func TestReceiptOfRefusesKeysThatAreTooShortLongOrNoText(t *testing.T) {
	t.Parallel()
	long := make([]rune, events.MaxIdempotencyKey+1)
	for i := range long {
		long[i] = 'ک'
	}
	for _, key := range []string{"", "0123456789abcde", string(long), "0123456789abcdef\x00", "0123456789abcdef\n", "0123456789abcdef\xff"} {
		if _, err := events.ReceiptOf(key, "09121234567"); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
	if _, err := events.ReceiptOf(string(long[1:]), "09121234567"); err != nil {
		t.Errorf("255 characters: %v", err)
	}
}
