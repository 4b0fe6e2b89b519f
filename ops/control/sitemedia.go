package control

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"leadlog/ingest/media"
)

// forEver is for names that say what is in them: another content has another name.
const forEver = "public, max-age=31536000, immutable"

// MediaPut is what became of a file.
type MediaPut struct {
	Sent  bool // it was not there already
	Notes []string
}

// PutMedia puts a file that InspectMedia has looked at, unless it is there already. progress is told how many bytes were sent so
// far. The bucket is made when it is missing, as Put does.
func (s *Site) PutMedia(ctx context.Context, f MediaFile, content io.ReadSeeker, progress func(sent int64)) (MediaPut, error) {
	there, err := s.client.StatObject(ctx, s.store.Bucket, f.Key, minio.StatObjectOptions{})
	if err == nil && there.Size == f.Size && there.ContentType == f.Type {
		return MediaPut{}, nil
	}
	if err != nil && !media.Missing(err) && !media.NoBucket(err) {
		return MediaPut{}, s.failed(ctx, "look for "+f.Key, err)
	}
	notes, err := s.ensureBucket(ctx)
	if err != nil {
		return MediaPut{}, err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return MediaPut{}, fmt.Errorf("read %s: %w", f.Key, err)
	}
	// In one request, so that it is there whole or not at all, with a sum that the server compares.
	_, err = s.client.PutObject(ctx, s.store.Bucket, f.Key, content, f.Size, minio.PutObjectOptions{
		ContentType: f.Type, CacheControl: forEver, DisableMultipart: true, SendContentMd5: true, Progress: &meter{progress: progress},
	})
	if err != nil {
		return MediaPut{}, s.failed(ctx, "put "+f.Key, err)
	}
	return MediaPut{Sent: true, Notes: notes}, nil
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
