package sink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// WithoutURL takes the URL out of an error of net/http, with what may be secret in it.
func WithoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// QuoteAnswer returns the beginning of what a server answered, on one line and behind a
// comma, for the end of an error message; "" of an empty answer. Servers like to say
// what they were asked: what of it is secret is left out.
func QuoteAnswer(b []byte, secrets ...string) string {
	text := string(b)
	for _, s := range secrets {
		if strings.Trim(s, "/") != "" {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if text == "" {
		return ""
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return fmt.Sprintf(", %q", text)
}
