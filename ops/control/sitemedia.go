package control

import (
	"context"
	"io"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/media"
)

// forEver is for names that say what is in them: another content has another name.
const forEver = "public, max-age=31536000, immutable"

// PutMedia puts a file that InspectMedia has looked at, unless it is there already, and says which it was. progress is told
// how many bytes were sent so far.
func (s *Site) PutMedia(ctx context.Context, f MediaFile, content io.ReadSeeker, progress func(sent int64)) (sent bool, err error) {
	there, err := s.client.StatObject(ctx, s.store.Bucket, f.Key, minio.StatObjectOptions{})
	if err == nil && there.Size == f.Size && there.ContentType == f.Type {
		return false, nil
	}
	if err != nil && !media.Missing(err) {
		return false, s.failed(ctx, "look for "+f.Key, err)
	}
	if _, err := s.ensureBucket(ctx); err != nil {
		return false, err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return false, s.failed(ctx, "read "+f.Key, err)
	}
	// In one request, so that it is there whole or not at all, with a sum that the server compares.
	_, err = s.client.PutObject(ctx, s.store.Bucket, f.Key, content, f.Size, minio.PutObjectOptions{
		ContentType: f.Type, CacheControl: forEver, DisableMultipart: true, SendContentMd5: true, Progress: &meter{progress: progress},
	})
	if err != nil {
		return false, s.failed(ctx, "put "+f.Key, err)
	}
	return true, nil
}

// meter is how the driver tells of progress: it "reads" as many bytes as were sent.
type meter struct {
	sent     int64
	progress func(sent int64)
}

func (m *meter) Read(p []byte) (int, error) {
	m.sent += int64(len(p))
	m.progress(m.sent)
	return len(p), nil
}
