package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // sizes of GIFs
	_ "image/jpeg" // of JPEGs
	_ "image/png"  // and of PNGs
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// MaxMedia is how many bytes an image or a video may have.
const MaxMedia = 100 << 20

// MediaFile is an image or a video, as it will be in the bucket.
type MediaFile struct {
	Key           string // its name there: what it was called, 16 digits of its SHA-256, and its extension
	Type          string
	Size          int64
	Width, Height int // 0 for videos, AVIF and SVG
}

// ErrBadMedia is returned for a file that is no image and no video that browsers know, or not what its name says.
var ErrBadMedia = errors.New("not for the page")

// mediaTypes is what may be put, by extension. The first extension of a type is the one that it gets.
func mediaTypes() []mediaType {
	return []mediaType{
		{"image/png", []string{".png"}}, {"image/jpeg", []string{".jpg", ".jpeg"}}, {"image/webp", []string{".webp"}},
		{"image/avif", []string{".avif"}}, {"image/gif", []string{".gif"}}, {"image/svg+xml", []string{".svg"}},
		{"video/mp4", []string{".mp4"}}, {"video/webm", []string{".webm"}},
	}
}

type mediaType struct {
	name       string
	extensions []string
}

// InspectMedia reads a file, and says what it is. Its name and its content have to agree, since browsers believe the one and
// show the other.
func InspectMedia(name string, content io.ReadSeeker) (MediaFile, error) {
	hash := sha256.New()
	size, err := io.Copy(hash, io.LimitReader(content, MaxMedia+1))
	if err != nil {
		return MediaFile{}, fmt.Errorf("read %s: %w", name, err)
	}
	switch {
	case size > MaxMedia:
		return MediaFile{}, fmt.Errorf("%s: %w: it is larger than %d MB", name, ErrBadMedia, MaxMedia>>20)
	case size == 0:
		return MediaFile{}, fmt.Errorf("%s: %w: it is empty", name, ErrBadMedia)
	}
	head, err := headOf(content)
	if err != nil {
		return MediaFile{}, fmt.Errorf("read %s: %w", name, err)
	}
	kind, err := agreed(name, sniff(head))
	if err != nil {
		return MediaFile{}, err
	}
	f := MediaFile{Key: stem(name) + "-" + hex.EncodeToString(hash.Sum(nil))[:16] + kind.extensions[0], Type: kind.name, Size: size}
	if f.Width, f.Height, err = dimensions(kind.name, head, content); err != nil {
		return MediaFile{}, fmt.Errorf("%s: %w: it can't be read as an image: %w", name, ErrBadMedia, err)
	}
	return f, nil
}

// headBytes is enough for every kind to be known; an SVG may begin with a long comment.
const headBytes = 1 << 20

func headOf(content io.ReadSeeker) ([]byte, error) {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(content, headBytes))
}

// agreed returns the type on which a name and a content agree.
func agreed(name, found string) (mediaType, error) {
	extension := strings.ToLower(filepath.Ext(name))
	all := mediaTypes()
	at := slices.IndexFunc(all, func(t mediaType) bool { return slices.Contains(t.extensions, extension) })
	if at < 0 {
		return mediaType{}, fmt.Errorf("%s: %w: use png, jpg, webp, avif, gif, svg, mp4 or webm", name, ErrBadMedia)
	}
	if all[at].name == found {
		return all[at], nil
	}
	if found == "" {
		found = "something else"
	}
	return mediaType{}, fmt.Errorf("%s: %w: its name says %s, and its content is %s", name, ErrBadMedia, all[at].name, found)
}

// sniff says what a content is; empty when it is none of ours.
func sniff(head []byte) string {
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return brandOf(string(head[8:12]))
	case isSVG(head):
		return "image/svg+xml"
	}
	kind := http.DetectContentType(head)
	if slices.ContainsFunc(mediaTypes(), func(t mediaType) bool { return t.name == kind }) {
		return kind
	}
	return ""
}

// brandOf tells what a file of the ISO base media format is for. QuickTime's and HEIC's are not for browsers.
func brandOf(brand string) string {
	switch brand {
	case "avif", "avis":
		return "image/avif"
	case "isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "dash":
		return "video/mp4"
	}
	return ""
}

func isSVG(head []byte) bool {
	tokens := xml.NewDecoder(bytes.NewReader(head))
	for {
		token, err := tokens.RawToken()
		if err != nil {
			return false
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local == "svg"
		}
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9_]+`)

// stem is a file's name as it may stand in an address. One of other letters alone becomes "media".
func stem(name string) string {
	base := strings.ToLower(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)))
	base = strings.Trim(notInNames.ReplaceAllString(base, "-"), "-")
	base = strings.TrimRight(base[:min(len(base), 60)], "-")
	if base == "" {
		return "media"
	}
	return base
}

// dimensions returns width and height of an image; 0 for kinds of which they are not known. Photos begin with their camera's notes,
// so it reads the whole content if need be.
func dimensions(kind string, head []byte, content io.ReadSeeker) (width, height int, err error) {
	switch kind {
	case "image/png", "image/jpeg", "image/gif":
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return 0, 0, err
		}
		config, _, err := image.DecodeConfig(content)
		if err != nil {
			return 0, 0, err
		}
		width, height = config.Width, config.Height
	case "image/webp":
		width, height = webpDimensions(head)
	default:
		return 0, 0, nil
	}
	if width == 0 || height == 0 {
		return 0, 0, errors.New("it has no width or height")
	}
	return width, height, nil
}

// webpDimensions reads the first chunk of a WebP (RFC 9649): one of three kinds, each with its own way of writing 14 or 24 bits.
func webpDimensions(head []byte) (width, height int) {
	if len(head) < 30 {
		return 0, 0
	}
	data := head[20:]
	switch string(head[12:16]) {
	case "VP8X":
		return 1 + int(data[4]) + int(data[5])<<8 + int(data[6])<<16, 1 + int(data[7]) + int(data[8])<<8 + int(data[9])<<16
	case "VP8L":
		bits := binary.LittleEndian.Uint32(data[1:5])
		return 1 + int(bits&0x3fff), 1 + int(bits>>14&0x3fff)
	case "VP8 ":
		return int(binary.LittleEndian.Uint16(data[6:8]) & 0x3fff), int(binary.LittleEndian.Uint16(data[8:10]) & 0x3fff)
	}
	return 0, 0
}
