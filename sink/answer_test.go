package sink

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestQuoteAnswer(t *testing.T) {
	for _, c := range []struct {
		said    string
		secrets []string
		want    string
	}{
		{"", nil, ""}, {" a\n b ", nil, `, "a b"`}, {"\xff", nil, `, "�"`},
		{"can't POST /T0/hush?k=1 for Bearer abc", []string{"abc", "/T0/hush", "/T0/hush?k=1", "", "/"}, `, "can't POST [redacted] for Bearer [redacted]"`},
	} {
		if got := QuoteAnswer([]byte(c.said), c.secrets...); got != c.want {
			t.Errorf("%q: %s, want %s", c.said, got, c.want)
		}
	}
}

// TestURLSecrets has a server say a URL back in the spellings that servers have.
func TestURLSecrets(t *testing.T) {
	const hook = "https://machine:wh%2Fisper@host.example/services/T0/hunter2%21secret?token=pass%20phrase&v=2"
	u, err := url.Parse(hook)
	if err != nil {
		t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("machine:wh/isper"))
	for _, said := range []string{
		`{"error":"no hook","path":"\/services\/T0\/hunter2%21secret"}`,
		"404 no route for services/T0/hunter2!secret",
		"invalid_token hunter2!secret", "invalid_token hunter2%21secret",
		"Cannot POST /services/T0/hunter2%21secret?token=pass%20phrase&v=2",
		`{"token":"pass phrase"}`, "token=pass%20phrase", "token pass%20phrase",
		"denied: " + basic, "denied: Basic " + basic, "denied: machine:wh/isper", "wrong password wh/isper", `wrong password wh\/isper`, "wrong password wh%2Fisper",
	} {
		got := QuoteAnswer([]byte(said), URLSecrets(u)...)
		for _, secret := range []string{"hunter2", "phrase", "isper", basic} {
			if strings.Contains(got, secret) {
				t.Errorf("%q: %s shows %s", said, got, secret)
			}
		}
		if !strings.Contains(got, "[redacted]") {
			t.Errorf("%q: nothing is left out of %s", said, got)
		}
	}
	if got := QuoteAnswer([]byte("host.example: T0 is out of date, use v=3"), URLSecrets(u)...); strings.Contains(got, "redacted") {
		t.Errorf("no secret is left out of %s", got)
	}
	if u, err = url.Parse("https://glsa0token@host.example/"); err != nil {
		t.Fatal(err)
	}
	if got := QuoteAnswer([]byte("no such user: glsa0token / "), URLSecrets(u)...); got != `, "no such user: [redacted] /"` {
		t.Error(got)
	}
}
