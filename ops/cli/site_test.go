package cli

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An upload that takes long tells how it does, once a second; one that is quick says nothing.
func TestUploadsTellHowTheyDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		p := &process{stderr: &said}
		const all = 40_000_000
		progress := p.uploading("film.mp4", all)
		for sent := int64(0); sent <= all; sent += 2_000_000 {
			progress(sent)
			<-time.After(200 * time.Millisecond)
		}
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if len(lines) != 4 || lines[0] != "film.mp4: 10.0 of 40.0 MB, 10.0 MB a second, 3s left" || lines[3] != "film.mp4: 40.0 of 40.0 MB, 10.0 MB a second, 0s left" {
			t.Errorf("it said:\n%s", said.String())
		}
		said.Reset()
		p.uploading("a.png", 1)(1)
		if said.Len() != 0 {
			t.Errorf("a quick one said:\n%s", said.String())
		}
	})
}

func TestDifferencesAreHarmlessAndReadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+a\n-b\n": "+a\n-b\n", "می\u200cگیریم\n": "می\u200cگیریم\n", "\u202eabc\x1b[2J\n": `\u202eabc\x1b[2J` + "\n", "it's \"x\"\t": `it's "x"\t`,
	} {
		if got := printableLines(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
