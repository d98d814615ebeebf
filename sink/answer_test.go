package sink

import "testing"

func TestQuoteAnswer(t *testing.T) {
	for _, c := range []struct {
		said    string
		secrets []string
		want    string
	}{
		{"", nil, ""}, {" a\n b ", nil, `, "a b"`}, {"\xff", nil, `, "�"`},
		{"can't POST /T0/hush?k=1 for Bearer abc", []string{"/T0/hush?k=1", "abc", "", "/"}, `, "can't POST [redacted] for Bearer [redacted]"`},
	} {
		if got := QuoteAnswer([]byte(c.said), c.secrets...); got != c.want {
			t.Errorf("%q: %s, want %s", c.said, got, c.want)
		}
	}
}
