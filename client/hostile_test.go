package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestQuoted: what a server says back is told in part, without what a terminal would obey
// and without the secrets that it was sent.
func TestQuoted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "\x1b[2Jno\u202e %s\nto\u009b you %s", r.Header.Get("Authorization"), strings.Repeat("é", 60<<10))
	}))
	defer s.Close()
	asks, err := New(s.URL, "hush-token")
	if err != nil {
		t.Fatal(err)
	}
	_, err = asks.Status(t.Context())
	if want := "[2Jno Bearer [secret] to you éé"; err == nil || !strings.HasPrefix(err.Error(), want) || len([]rune(err.Error())) > mostSaid+1 {
		t.Errorf("%.400v", err)
	}
	c := &Client{Base: &url.URL{User: url.UserPassword("u", "hush-pw")}, Token: "hush-token"}
	for _, text := range []string{"hush-token", "hu\x00sh-token", "hush-pw", "Basic dTpodXNoLXB3", strings.Repeat("x", mostSaid-3) + "hush-token"} {
		if got := c.quotable(text); strings.Contains(got, "hush") || strings.Contains(got, "dTpo") || strings.HasSuffix(got, "hus…") {
			t.Errorf("%q is quoted as %q", text, got)
		}
	}
}

// endless is an answer without end, of which it counts what is taken.
type endless struct{ taken int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.taken += int64(len(p))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (*endless) Close() error { return nil }

type answerOf struct{ body io.ReadCloser }

func (a answerOf) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: a.body, Request: r}, nil
}

// TestEndlessAnswer: an answer without end is given up.
func TestEndlessAnswer(t *testing.T) {
	c, err := New("http://localhost:1", "")
	if err != nil {
		t.Fatal(err)
	}
	body := new(endless)
	c.HTTP = &http.Client{Transport: answerOf{body}}
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than 64 MiB") {
		t.Errorf("got %v", err)
	}
	if body.taken > 2*mostAnswer {
		t.Errorf("%d bytes were read", body.taken)
	}
}

// TestMistakesAreQuoted: so are the places of a configuration's mistakes.
func TestMistakesAreQuoted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"error":"a\u001b","mistakes":[{"message":"\u001b[2Jhush-token"}]}`)
	}))
	defer s.Close()
	c, err := New(s.URL, "hush-token")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Reload(t.Context())
	var wrong *Mistakes
	if !errors.As(err, &wrong) || err.Error() != "a" || wrong.List[0].Message != "[2J[secret]" {
		t.Errorf("%q, %+v", err, wrong)
	}
}

// TestNoRedirect: a redirect is an error, whatever the method, and takes the token nowhere.
func TestNoRedirect(t *testing.T) {
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Header.Get("Authorization")
	}))
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, code)
		}))
		for _, by := range []*http.Client{nil, {}} {
			c, err := New(s.URL, "hush-token")
			if err != nil {
				t.Fatal(err)
			}
			c.HTTP = by
			var is *Error
			if _, err := c.Status(t.Context()); !errors.As(err, &is) || is.Code != code {
				t.Errorf("%d to a GET: %v", code, err)
			}
			if _, err := c.Reload(t.Context()); !errors.As(err, &is) || is.Code != code {
				t.Errorf("%d to a POST: %v", code, err)
			}
		}
		s.Close()
	}
	if len(asked) > 0 {
		t.Errorf("the other server was asked: %s", <-asked)
	}
}

// TestBare: an address that is none is quoted without its secrets.
func TestBare(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:7070/#token=hush":  `"127.0.0.1:7070/"`,
		"u:hush@h:7070":               `"h:7070"`,
		"ftp://u:hu@sh@h/?token=hush": `"ftp://h/"`,
		"#token=hush":                 `""`,
	} {
		if _, err := New(address, ""); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s …", address, err, want)
		}
	}
}

// TestPasswordIsNotTold: an answer that can't be read is named without the password.
func TestPasswordIsNotTold(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer s.Close()
	c, err := New(strings.Replace(s.URL, "://", "://u:hush@", 1), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}

// TestDots: names that are dots ask for what bears them, by an address that nobody
// shortens.
func TestDots(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plant/api/v1/series/{stream}/{series}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"series":%q}`, strings.TrimPrefix(r.PathValue("series"), "~"))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	c, err := New(s.URL+"/plant", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "..", "...", "a/../b", "%2E%2E", "~.", "/"} {
		got, err := get[struct{ Series string }](t.Context(), c, at("series", "s", name), nil)
		if err != nil || got.Series != name {
			t.Errorf("%q: %q is asked for, %v", name, got.Series, err)
		}
	}
}

// TestSilent: an instance that takes a request and says nothing is given up, before its
// answer and within it; a live stream that beats is not.
func TestSilent(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	for name, c := range map[string]struct {
		says  func(net.Conn)
		after time.Duration
		want  error
	}{
		"no answer":  {func(net.Conn) {}, patience, ErrSilent},
		"no message": {func(to net.Conn) { _, _ = io.WriteString(to, head) }, silence, ErrSilent},
		"beats": {func(to net.Conn) {
			_, _ = io.WriteString(to, head)
			for range 10 {
				time.Sleep(15 * time.Second)
				_, _ = io.WriteString(to, ": beat\n\n")
			}
			_ = to.Close()
		}, 150 * time.Second, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { silentAfter(t, c.says, c.after, c.want) })
		})
	}
}

// silentAfter follows an instance that says so much, until want after a time.
func silentAfter(t *testing.T, says func(net.Conn), after time.Duration, want error) {
	here, there := net.Pipe()
	go func() {
		buf := make([]byte, 4<<10)
		if _, err := there.Read(buf); err != nil {
			return
		}
		says(there)
	}()
	by := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return here, nil }}
	c := &Client{Base: &url.URL{Scheme: "http", Host: "h"}, HTTP: &http.Client{Transport: by}}
	began := time.Now()
	var got error
	for _, err := range c.Live(t.Context(), TopicStatus) {
		got = err
	}
	if took := time.Since(began); !errors.Is(got, want) || took != after {
		t.Errorf("%v after %s, want %v after %s", got, took, want, after)
	}
	by.CloseIdleConnections()
	_ = there.Close()
}
