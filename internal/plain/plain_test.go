package plain_test

import (
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/quell-stream/quell/internal/plain"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"Öl 3 µm → 5 °C 温度":         "Öl 3 µm → 5 °C 温度",
		"a\tb\nc\r\u2028d\u00a0e":   "a b c  d e",
		"\x1b[31mred\x07\x7f\u009b": "�[31mred���",
		"user\u202etxt.exe":         "user�txt.exe", // the rest from right to left
		"a\u2066b\u200bc\ufeffd":    "a�b�c�d",
		"bad \xff byte":             "bad � byte",
	} {
		got := plain.Text(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(in) {
			t.Errorf("%q: %d characters became %d", in, utf8.RuneCountInString(in), utf8.RuneCountInString(got))
		}
	}
}

func ExampleText() {
	fmt.Println(plain.Text("pump-1\x1b]0;owned\x07"))
	// Output: pump-1�]0;owned�
}
