package mqttconn

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	readBuffer  = 64 << 10
	writeBuffer = 64 << 10
	// coalesce is how long written bytes wait for company. Paho reads a packet in
	// three or four small reads and writes each in one: measured, buffering both
	// ways makes a QoS 1 subscriber five times cheaper.
	coalesce = 200 * time.Microsecond
	// closeFlush bounds how long Close waits for the broker to take the rest.
	closeFlush = time.Second
)

var (
	errClosed  = errors.New("the broker stopped answering or the connection was closed")
	errAborted = errors.New("connection given up")
)

// bufConn is a network connection with a buffer each way. Writes are handed to
// the network when the buffer is full, or coalesce after the first byte in it;
// an error of theirs comes with the next call, and closes the connection so
// that the reading side notices at once.
type bufConn struct {
	net.Conn
	r       *bufio.Reader
	timeout time.Duration // per flush

	mu     sync.Mutex
	w      []byte
	timer  *time.Timer
	armed  bool
	closed bool

	once sync.Once
	dead chan struct{} // closed once the connection is of no more use
	why  error         // set before dead is closed
}

// newBufConn wraps c. quick is the TCP connection whose receipts are to be
// acknowledged without delay, nil if that does not matter.
func newBufConn(c net.Conn, timeout time.Duration, quick net.Conn) *bufConn {
	var r io.Reader = c
	if quick != nil {
		r = &quickReader{c, quick}
	}
	b := &bufConn{
		Conn: c, r: bufio.NewReaderSize(r, readBuffer), timeout: timeout,
		w: make([]byte, 0, writeBuffer), dead: make(chan struct{}),
	}
	b.timer = time.AfterFunc(time.Hour, b.flushLater)
	b.timer.Stop()
	return b
}

// quickReader acknowledges what it has read at once.
type quickReader struct {
	r   io.Reader
	tcp net.Conn
}

func (q *quickReader) Read(p []byte) (int, error) {
	n, err := q.r.Read(p)
	if err == nil {
		ackAtOnce(q.tcp)
	}
	return n, err
}

// die marks the connection as lost.
func (b *bufConn) die(why error) {
	b.once.Do(func() {
		b.why = why
		close(b.dead)
	})
}

// Read reads from the buffer.
func (b *bufConn) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil {
		b.die(err)
		// Paho takes "use of closed network connection" for its own doing and
		// carries on as if connected. Where we closed, it must see another error.
		if errors.Is(err, net.ErrClosed) && !errors.Is(b.why, errClosed) {
			err = errAborted
		}
	}
	return n, err
}

// Write appends to the buffer.
func (b *bufConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, net.ErrClosed
	}
	select {
	case <-b.dead:
		return 0, b.why
	default:
	}
	b.w = append(b.w, p...)
	if len(b.w) >= writeBuffer {
		if err := b.flush(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if !b.armed {
		b.armed = true
		b.timer.Reset(coalesce)
	}
	return len(p), nil
}

func (b *bufConn) flushLater() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	if b.closed {
		return
	}
	// The error is kept in why and returned by the next Write.
	if err := b.flush(); err != nil {
		b.die(err)
	}
}

// flush hands the buffer to the network. The caller holds mu.
func (b *bufConn) flush() error {
	if len(b.w) == 0 {
		return nil
	}
	err := b.Conn.SetWriteDeadline(time.Now().Add(b.timeout))
	if err == nil {
		_, err = b.Conn.Write(b.w)
	}
	b.w = b.w[:0]
	if cap(b.w) > 4*writeBuffer {
		b.w = make([]byte, 0, writeBuffer) // one huge message must not keep its memory
	}
	if err != nil {
		b.die(err)
		return errors.Join(err, b.Conn.Close())
	}
	return nil
}

// SetWriteDeadline does nothing: each flush sets its own deadline, and paho's,
// one per packet, would only cost time.
func (b *bufConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline bounds reading only, for the same reason.
func (b *bufConn) SetDeadline(t time.Time) error { return b.Conn.SetReadDeadline(t) }

// Close flushes what is buffered, for at most closeFlush, and closes.
func (b *bufConn) Close() error {
	b.die(errClosed)
	// Before taking mu, which a stuck flush holds: this unsticks it.
	deadline := b.Conn.SetWriteDeadline(time.Now().Add(closeFlush))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	b.timer.Stop()
	var err error
	if len(b.w) > 0 && deadline == nil {
		_, err = b.Conn.Write(b.w)
	}
	b.w = nil
	if cerr := b.Conn.Close(); err == nil {
		err = cerr
	}
	return err
}

// abort closes without flushing, and makes paho see a lost connection.
func (b *bufConn) abort() {
	b.die(errAborted)
	_ = b.Conn.Close() // it may be closed already, and can't be more lost than lost
}

var errBrokerClosed = errors.New("the broker closed the connection")

// lostReason says in words why the connection ended.
func (b *bufConn) lostReason() error {
	select {
	case <-b.dead:
	default:
		return nil
	}
	if errors.Is(b.why, io.EOF) {
		return errBrokerClosed
	}
	return b.why
}
