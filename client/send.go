package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrSilent says that the instance took the request, or began an answer, and then said
// nothing.
var ErrSilent = errors.New("the instance says nothing: is it one, and does it still run?")

// How long an instance may say nothing: before its answer, which it has 30 s for, and
// within it, where a live stream beats every 15 s.
const (
	patience = 35 * time.Second
	silence  = 20 * time.Second
)

// send sends a request, to no other address than its own, and gives it up where nothing
// comes back.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	by := http.Client{}
	if c.HTTP != nil {
		by = *c.HTTP
	}
	by.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithCancelCause(req.Context())
	dog := time.AfterFunc(patience, func() { cancel(ErrSilent) })
	res, err := by.Do(req.WithContext(ctx))
	dog.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, silent(ctx, err)
	}
	res.Body = &body{res.Body, ctx, dog, cancel}
	return res, nil
}

// silent is the error of a request, which is ErrSilent where that has ended it.
func silent(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrSilent) {
		return ErrSilent
	}
	return err
}

// body is that of an answer, given up where a Read waits too long. The time between reads
// is the reader's own.
type body struct {
	io.ReadCloser
	ctx    context.Context // of the request
	dog    *time.Timer
	cancel context.CancelCauseFunc
}

func (b *body) Read(p []byte) (int, error) {
	b.dog.Reset(silence)
	n, err := b.ReadCloser.Read(p)
	b.dog.Stop()
	if err == io.EOF {
		return n, err
	}
	return n, silent(b.ctx, err)
}

func (b *body) Close() error {
	b.dog.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}
