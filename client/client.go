// Package client asks a running Quell over its HTTP API, version 1 (docs/api.md): what it
// serves, how its series are, what it told; it acknowledges, promotes models, has the
// configuration read again, and follows the live stream.
//
//	c, err := client.New("http://127.0.0.1:7070", token)
//	page, err := c.Series(ctx, client.SeriesQuery{State: []string{"fault"}})
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrToken says that the instance wants a token, and not this one or none.
var ErrToken = errors.New("a token is needed, the content of http.token_file, and not this one or none")

// Error is an answer other than success.
type Error struct {
	Code    int    // of HTTP
	Message string // what the instance said, "" if nothing
}

func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("the instance answered %d %s", e.Code, http.StatusText(e.Code))
}

// Is says that an error with code 401 is ErrToken.
func (e *Error) Is(target error) bool {
	return target == ErrToken && e.Code == http.StatusUnauthorized
}

// Client asks one instance. Make one with New. It is safe for concurrent use as long as
// nobody changes its fields.
type Client struct {
	// Base is the address of the instance; behind a proxy with its path.
	Base *url.URL
	// Token is sent with each request; "": none is.
	Token string
	// HTTP sends the requests; redirects are never followed. Default: http.DefaultClient.
	HTTP *http.Client
}

// New returns a client of the instance at an address such as http://127.0.0.1:7070. That
// of a demo may be given as it prints it, with its #token.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address such as http://127.0.0.1:7070", bare(address))
	}
	if token == "" {
		token = strings.TrimPrefix(u.Fragment, "token=")
	}
	u.Fragment, u.RawFragment, u.RawQuery = "", "", ""
	return &Client{Base: u, Token: token}, nil
}

// bare is what of an address may be quoted: no token, no query and no user.
func bare(address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	scheme := ""
	if before, rest, ok := strings.Cut(address, "://"); ok {
		scheme, address = before+"://", rest
	}
	return scheme + address[strings.LastIndex(address, "@")+1:]
}

// Ask sends a request for a path below /api/v1, with a body of JSON where there is one, and
// returns an answer of success, which the caller closes. Names in the path are to be
// escaped by url.PathEscape. Other answers are an *Error, and so is a redirect: the token
// goes to no other address. An instance that says nothing is ErrSilent, also while the
// answer is read.
func (c *Client) Ask(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	u := c.Base.JoinPath("api/v1", path)
	u.RawQuery = query.Encode()
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), send)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := c.send(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, c.refusal(res)
	}
	return res, nil
}

// get returns the answer to a GET request, post that to a POST request.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, query, nil)
}

func post[T any](ctx context.Context, c *Client, path string, query url.Values, body any) (T, error) {
	return ask[T](ctx, c, http.MethodPost, path, query, body)
}

// mostAnswer bounds an answer: the largest that Quell gives, a page of 1,000 series with
// their channels, is a few megabytes.
const mostAnswer = 64 << 20

func ask[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (v T, err error) {
	res, err := c.Ask(ctx, method, path, query, body)
	if err != nil {
		return v, err
	}
	defer res.Body.Close()
	answer := &io.LimitedReader{R: res.Body, N: mostAnswer}
	if err := json.NewDecoder(answer).Decode(&v); err != nil {
		if answer.N <= 0 {
			err = fmt.Errorf("it is longer than %d MiB", mostAnswer>>20)
		}
		return v, fmt.Errorf("the answer of %s can't be read: %w", c.Base.Redacted(), err)
	}
	return v, nil
}

// at joins names to a path; each is escaped. Names that would else be taken for
// places in the path, of one or two dots or a slash, have a tilde in front, and those of
// tildes before them one more.
func at(first string, names ...string) string {
	for _, n := range names {
		if place := strings.TrimLeft(n, "~"); place == "." || place == ".." || place == "/" {
			n = "~" + n
		}
		first += "/" + url.PathEscape(n)
	}
	return first
}
