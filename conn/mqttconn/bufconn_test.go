package mqttconn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair returns a buffered connection and its other end, over loopback TCP.
func pair(t *testing.T) (*bufConn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	b := newBufConn(c, 5*time.Second, c)
	t.Cleanup(func() { b.Close() })
	return b, peer
}

func TestBufConnCarries(t *testing.T) {
	b, peer := pair(t)
	// Small and large, with no regard to the buffer's size.
	var want []byte
	for i := range 300 {
		p := bytes.Repeat([]byte{byte(i)}, 1+i*i%4000)
		want = append(want, p...)
		if n, err := b.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	go func() { peer.Write(want) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the peer does not read what was written: %v", err)
	}
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("what the peer writes is not read: %v", err)
	}
}

// TestBufConnFlushes: by itself, and on Close.
func TestBufConnFlushes(t *testing.T) {
	b, peer := pair(t)
	if _, err := b.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := io.ReadFull(peer, one); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("bcd")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(peer)
	if err != nil || string(rest) != "bcd" {
		t.Errorf("after Close the peer reads %q, %v", rest, err)
	}
	if _, err := b.Write([]byte("x")); err == nil {
		t.Error("Write after Close succeeds")
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestBufConnStuck: a peer that reads nothing. The flush runs into its
// deadline, the reader and later writes see an error, and Close does not hang.
func TestBufConnStuck(t *testing.T) {
	b, _ := pair(t)
	b.timeout = 20 * time.Millisecond
	if _, err := b.Write(make([]byte, 64<<20)); err == nil {
		t.Fatal("64 MiB vanish in a connection that nobody reads")
	}
	<-b.dead
	if _, err := b.Write([]byte("x")); err == nil {
		t.Error("Write to a lost connection succeeds")
	}
	// Paho reads on until it gets an error that is not its own Close's.
	if _, err := b.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("Read from a lost connection: %v", err)
	}
}
