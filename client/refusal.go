package client

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/quell-stream/quell/internal/plain"
)

// mostSaid is how many characters are kept of what an instance says.
const mostSaid = 300

// refusal reads what an answer other than success says.
func (c *Client) refusal(res *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	e := &Error{Code: res.StatusCode}
	var said struct {
		Error    string    `json:"error"`
		Mistakes []Mistake `json:"mistakes"`
	}
	switch {
	case res.StatusCode/100 == 3:
		e.Message = "it sends us to another address, which is not followed, as the token would go there too: give the address of the instance itself"
	case json.Unmarshal(b, &said) == nil && said.Error != "":
		e.Message = c.quotable(said.Error)
	case strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") && res.StatusCode != http.StatusNotFound:
		e.Message = c.quotable(string(b))
	}
	if said.Mistakes != nil {
		for i := range said.Mistakes {
			m := &said.Mistakes[i]
			m.File, m.Path, m.Message = c.quotable(m.File), c.quotable(m.Path), c.quotable(m.Message)
		}
		return &Mistakes{e, said.Mistakes}
	}
	return e
}

// quotable is what of a text from the network may be shown on a terminal or written to a
// log: its beginning, on one line, without control characters, and without the secrets
// that it was asked with, should it say them back.
func (c *Client) quotable(text string) string {
	// Without what can't be shown, or a secret might hide behind a character within it.
	text = strings.ReplaceAll(plain.Text(text), string(unicode.ReplacementChar), "")
	text = strings.TrimSpace(text)
	for _, secret := range c.secrets() {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	if r := []rune(text); len(r) > mostSaid {
		text = string(r[:mostSaid]) + "…"
	}
	return text
}

// secrets are those that a request carries, none of them empty.
func (c *Client) secrets() (all []string) {
	if c.Token != "" {
		all = append(all, c.Token)
	}
	if password, ok := c.Base.User.Password(); ok && password != "" {
		pair := c.Base.User.Username() + ":" + password
		all = append(all, base64.StdEncoding.EncodeToString([]byte(pair)), password)
	}
	return all
}
