package sink

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// leastSecret is the least length of a part of a URL that is taken for a secret by
// itself: shorter ones are words such as api and v2, and occur in every answer.
const leastSecret = 6

// WithoutURL takes the URL out of an error of net/http, with what may be secret in it.
func WithoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// URLSecrets returns what may be secret in a URL, in the spellings in which a server
// may say it back: the path, the query, their parts of 6 bytes or more, and the user
// and password, also as HTTP sends them.
func URLSecrets(u *url.URL) []string {
	all := []string{u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery}
	parts := strings.Split(u.EscapedPath()+"/"+u.Path, "/")
	parts = append(parts, strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' || r == '=' })...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for _, p := range append(parts, strings.Trim(u.EscapedPath(), "/"), strings.Trim(u.Path, "/")) {
		if len(p) >= leastSecret {
			all = append(all, p)
		}
	}
	if password, has := u.User.Password(); has {
		all = append(all, BasicSecrets(u.User.Username(), password)...)
	} else if name := u.User.Username(); len(name) >= leastSecret {
		all = append(all, name) // a token, with some services
	}
	return all
}

// BasicSecrets returns what is secret in a user's name and password, likewise.
func BasicSecrets(name, password string) []string {
	return []string{base64.StdEncoding.EncodeToString([]byte(name + ":" + password)), name + ":" + password, password, url.QueryEscape(password)}
}

// QuoteAnswer returns the beginning of what a server answered, on one line and behind a
// comma, for the end of an error message; "" of an empty answer. Servers like to say
// what they were asked: what of it is secret is left out.
func QuoteAnswer(b []byte, secrets ...string) string {
	text := strings.ReplaceAll(string(b), `\/`, "/") // as some write JSON
	// The longest first: what is left of one without a part of it may still tell it.
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
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
