package control_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"leadlog/ops/control"
)

func TestMediaAreWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, content, key, kind string }{
		{"Hero Image (1).JPEG", jpegOf(t, 2<<20), "hero-image-1-", "image/jpeg"},
		{"a.webp", "RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x03\x00\x57\x02\x00", "a-", "image/webp"},
		{"a.avif", "\x00\x00\x00\x1cftypavif", "a-", "image/avif"},
		{"a.mp4", "\x00\x00\x00\x1cftypisom", "a-", "video/mp4"},
		{"a.webm", "\x1a\x45\xdf\xa3", "a-", "video/webm"},
		{"../../etc/passwd.png", pngOf(t), "passwd-", "image/png"},
		{"۱۲۳.svg", "<?xml version='1.0'?><!DOCTYPE svg><svg/>", "media-", "image/svg+xml"},
		{strings.Repeat("a", 100) + ".gif", "GIF87a\x01\x00\x01\x00\x00\x00\x00", strings.Repeat("a", 60) + "-", "image/gif"},
		{"-.-.gif", "GIF87a\x01\x00\x01\x00\x00\x00\x00", "media-", "image/gif"},

		{"a.png", "\xff\xd8\xff\xe0", "", ""},
		{"a.mp4", "\x00\x00\x00\x1cftypqt  ", "", ""},
		{"a.avif", "\x00\x00\x00\x1cftypheic", "", ""},
		{"a.svg", "<html><svg/></html>", "", ""},
		{"a.html", "<html></html>", "", ""},
		{"a.png", "", "", ""},
		{"png", pngOf(t), "", ""},

		// Cut off, or without an image in it.
		{"a.png", pngOf(t)[:20], "", ""},
		{"a.jpg", jpegOf(t, 0)[:20], "", ""},
		{"a.gif", "GIF89a\x20\x03", "", ""},
		{"a.gif", "GIF89a\x00\x00\x00\x00\x00\x00\x00", "", ""},
		{"a.webp", "RIFF\x00\x00\x00\x00WEBPVP8 ", "", ""},
	} {
		f, err := control.InspectMedia(test.name, strings.NewReader(test.content))
		if test.kind == "" {
			if !errors.Is(err, control.ErrBadMedia) {
				t.Errorf("%s with %q: %+v, %v", test.name, test.content, f, err)
			}
			continue
		}
		if err != nil || f.Type != test.kind || !strings.HasPrefix(f.Key, test.key) || len(f.Key) != len(test.key)+16+strings.Count(f.Key, ".")+len(f.Key[strings.LastIndex(f.Key, ".")+1:]) {
			t.Errorf("%s: %+v, %v", test.name, f, err)
		}
	}
}

func pngOf(t *testing.T) string {
	t.Helper()
	var text bytes.Buffer
	if err := png.Encode(&text, image.NewGray(image.Rect(0, 0, 8, 6))); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// jpegOf is a photo that begins with so many bytes of its camera's notes.
func jpegOf(t *testing.T, notes int) string {
	t.Helper()
	var text bytes.Buffer
	if err := jpeg.Encode(&text, image.NewGray(image.Rect(0, 0, 8, 6)), nil); err != nil {
		t.Fatal(err)
	}
	const segment = 0xff00
	note := "\xff\xe1\xff\x02" + strings.Repeat("x", segment)
	return text.String()[:2] + strings.Repeat(note, notes/segment) + text.String()[2:]
}

func TestTheSizeOfAWebP(t *testing.T) {
	t.Parallel()
	const riff = "RIFF\x00\x00\x00\x00WEBP"
	for kind, chunk := range map[string]string{
		"lossy":    "VP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x20\x03\x58\x02",
		"lossless": "VP8L\x00\x00\x00\x00\x2f\x1f\xc3\x95\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"extended": "VP8X\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x03\x00\x57\x02\x00",
	} {
		f, err := control.InspectMedia("a.webp", strings.NewReader(riff+chunk))
		if err != nil || f.Width != 800 || f.Height != 600 {
			t.Errorf("%s: %+v, %v", kind, f, err)
		}
	}
}
