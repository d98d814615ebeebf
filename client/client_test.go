package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestNew: an address is taken as a demo prints it, and one that is none is not.
func TestNew(t *testing.T) {
	c, err := New("http://127.0.0.1:7070/plant/#token=s3cret", "")
	if err != nil || c.Token != "s3cret" || c.Base.String() != "http://127.0.0.1:7070/plant/" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = New("https://h#token=a", "b"); err != nil || c.Token != "b" {
		t.Errorf("a token that is given: %+v, %v", c, err)
	}
	for _, bad := range []string{"", "h:7070", "ftp://h", "http://", "http://%zz"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestErrors: what an instance says is told, and what it does not say is named by its code.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		code       int
		kind, body string
		want       string
		token      bool
	}{
		{404, "application/json", `{"error":"there is no stream \"x\""}`, `there is no stream "x"`, false},
		{401, "text/plain; charset=utf-8", "a bearer token is needed\n", "a bearer token is needed", true},
		{403, "text/plain", "to change anything a token is needed", "to change anything", false},
		{404, "text/plain", "404 page not found", "404 Not Found", false},
		{502, "text/html", "<html>", "502 Bad Gateway", false},
		{500, "application/json", `{"error":`, "500 Internal", false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.code)
			_, _ = io.WriteString(w, c.body)
		}))
		ask, err := New(s.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = ask.Status(t.Context())
		s.Close()
		var is *Error
		if !errors.As(err, &is) || is.Code != c.code || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrToken) != c.token {
			t.Errorf("%d %q: %v", c.code, c.body, err)
		}
	}
}

// TestMistakes: a configuration that can't be used says where.
func TestMistakes(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"error":"the configuration has mistakes","mistakes":[{"file":"q.yaml","line":3,"column":5,"message":"no such key"}]}`)
	}))
	defer s.Close()
	c, err := New(s.URL, "t")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Reload(t.Context())
	var wrong *Mistakes
	if !errors.As(err, &wrong) || len(wrong.List) != 1 || wrong.List[0].Line != 3 || wrong.Err.Code != 422 {
		t.Errorf("%v", err)
	}
}

// TestMessages: events come whole and in order, and the end of a stream is told.
func TestMessages(t *testing.T) {
	const text = "event: hello\ndata: {\"v\":1}\n\n: beat\n\nevent: tap\ndata: {}\n\n"
	var got []string
	err := Messages(strings.NewReader(text), func(m Message) bool { got = append(got, m.Kind+string(m.Data)); return true })
	if !errors.Is(err, io.EOF) || strings.Join(got, " ") != `hello{"v":1} tap{}` {
		t.Errorf("%v, %v", got, err)
	}
	n := 0
	if err := Messages(strings.NewReader(text), func(Message) bool { n++; return false }); errors.Is(err, io.EOF) || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
}
