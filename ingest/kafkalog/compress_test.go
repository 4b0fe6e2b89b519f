package kafkalog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestCompressedBatchesAreReadByAnybody(t *testing.T) {
	t.Parallel()
	c, reader := newCompressor(), kgo.DefaultDecompressor()
	for _, text := range []string{"x", strings.Repeat("lead", 1000), strings.Repeat("0123456789abcdef", 20_000)} {
		packed, codec := c.Compress(new(bytes.Buffer), []byte(text))
		plain, err := reader.Decompress(packed, codec)
		if err != nil || string(plain) != text {
			t.Errorf("%d bytes with codec %d came back as %d: %v", len(text), codec, len(plain), err)
		}
		if len(text) > 1000 && len(packed) > len(text)/2 {
			t.Errorf("%d bytes became %d", len(text), len(packed))
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	c, dst := newCompressor(), new(bytes.Buffer)
	batch := []byte(strings.Repeat(`{"phone":"+989121234567","ip":"192.0.2.1","user_agent":"Mozilla/5.0","path":"/api/submit"}`, 10))
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		c.Compress(dst, batch)
	}
}
