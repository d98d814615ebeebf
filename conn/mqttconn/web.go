package mqttconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// upgrade asks the other end of c for a WebSocket that carries MQTT (MQTT 3.1.1,
// section 6) and returns it as a connection. It closes c when it fails. c is
// secured already where it is to be, and no proxy comes between.
func upgrade(ctx context.Context, a address, c net.Conn) (net.Conn, error) {
	w := &webConn{Conn: c}
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return under{c, w}, nil },
		Subprotocols:   []string{"mqtt"},
	}
	ws, answer, err := d.DialContext(ctx, "ws://"+a.dial()+a.path, nil)
	if err != nil {
		_ = c.Close() // the error says more
		if errors.Is(err, websocket.ErrBadHandshake) && answer != nil {
			err = fmt.Errorf("the server makes no websocket of %s but answers %q: check port and path of the url", a, answer.Status)
		}
		return nil, err
	}
	if ws.Subprotocol() != "mqtt" {
		return nil, errors.Join(fmt.Errorf("the websocket of %s does not speak mqtt: check port and path of the url", a), ws.Close())
	}
	w.ws = ws
	return w, nil
}

// webConn is a WebSocket as a connection: what is written goes out as a binary
// message, and messages are read as one stream of bytes, in which a packet may lie
// over several of them. One goroutine may read and one write at a time.
type webConn struct {
	net.Conn // under the WebSocket, for deadlines, addresses and the end
	ws       *websocket.Conn
	message  io.Reader // the one being read, nil between two

	deadline atomic.Pointer[time.Time] // for writing
}

// Read reads what is left of a message, or of the next one that is not empty.
func (w *webConn) Read(p []byte) (int, error) {
	for {
		if w.message == nil {
			kind, r, err := w.ws.NextReader()
			if err != nil {
				return 0, ended(err)
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("the websocket sent text, which MQTT does not")
			}
			w.message = r
		}
		n, err := w.message.Read(p)
		if errors.Is(err, io.EOF) {
			w.message, err = nil, nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// ended makes an ordinary end of a connection of the good-bye of a WebSocket.
func ended(err error) error {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		return io.EOF
	}
	return err
}

// Write sends one message.
func (w *webConn) Write(p []byte) (int, error) {
	if err := w.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline bounds the message that is being written, too.
func (w *webConn) SetWriteDeadline(t time.Time) error {
	w.deadline.Store(&t)
	return w.Conn.SetWriteDeadline(t)
}

// under is what the WebSocket writes to. Its library sets a deadline before each
// write: its own for answers to pings, and none for messages, which would undo that
// of SetWriteDeadline.
type under struct {
	net.Conn
	w *webConn
}

func (u under) SetWriteDeadline(t time.Time) error {
	if d := u.w.deadline.Load(); t.IsZero() && d != nil {
		t = *d
	}
	return u.Conn.SetWriteDeadline(t)
}
