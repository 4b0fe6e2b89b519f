package view_test

import (
	"strconv"
	"testing"

	"leadlog/projectors/view"
)

func FuzzAppendQuoted(f *testing.F) {
	for _, seed := range []string{"", "plain ~", `"`, `\`, "\x7f", "\n", "\x00", "خانه", "\xff", "a\u2028b", "`'<>&%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := "name=" + strconv.Quote(value)
		if got := string(view.AppendQuoted([]byte("name="), value)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := string(view.AppendQuoted([]byte("name="), []byte(value))); got != want {
			t.Errorf("of bytes: got %s, want %s", got, want)
		}
	})
}
