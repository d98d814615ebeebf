package mqttconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/mqttconn"
	"github.com/quell-stream/quell/conn/mqttconn/mqtttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		cfg  mqttconn.Config
		want string
	}{
		{mqttconn.Config{URL: "mqtt://h"}, ""},
		{mqttconn.Config{URL: "tcp://h:99"}, ""},
		{mqttconn.Config{URL: "mqtts://[::1]", TLS: conn.TLS{ServerName: "x"}}, ""},
		{mqttconn.Config{URL: "ssl://u:p@h"}, ""},
		{mqttconn.Config{}, "url is missing"},
		{mqttconn.Config{URL: "h:1883"}, "scheme"},
		{mqttconn.Config{URL: "http://h"}, `scheme "http"`},
		{mqttconn.Config{URL: "ws://h"}, ""},
		{mqttconn.Config{URL: "wss://h/mqtt", TLS: conn.TLS{ServerName: "x"}}, ""},
		{mqttconn.Config{URL: "ws://h/mqtt?a=b"}, "behind host"},
		{mqttconn.Config{URL: "ws://h/mqtt", TLS: conn.TLS{ServerName: "x"}}, "write wss://"},
		{mqttconn.Config{URL: "mqtt://"}, "no host"},
		{mqttconn.Config{URL: "mqtt://h/path"}, "behind host"},
		{mqttconn.Config{URL: "mqtt://u:secret%zz@h"}, "can't be read"},
		{mqttconn.Config{URL: "mqtt://u:secret@h:port"}, "can't be read"},
		{mqttconn.Config{URL: "mqtt://h", TLS: conn.TLS{CAFile: "x"}}, "write mqtts://"},
		{mqttconn.Config{URL: "mqtts://h", TLS: conn.TLS{CertFile: "x"}}, "key_file"},
		{mqttconn.Config{URL: "mqtt://h", Password: "secret"}, "no username"},
		{mqttconn.Config{URL: "mqtt://h", KeepAlive: time.Millisecond}, "keep-alive"},
		{mqttconn.Config{URL: "mqtt://h", WriteTimeout: -1}, "negative"},
	} {
		err := c.cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.cfg, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

// TestNoSecrets: whatever way a configuration is printed.
func TestNoSecrets(t *testing.T) {
	for _, cfg := range []mqttconn.Config{
		{URL: "mqtt://u:s3cret@h", ClientID: "c"},
		{URL: "mqtt://h", Username: "u", Password: "s3cret"},
		{URL: "s3cret://u:s3cret@h"},
	} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg)
		all := fmt.Sprintf("%v %+v %#v %s %v %s", cfg, cfg, cfg, cfg, []any{cfg}, cfg.Broker()) + log.String()
		if strings.Contains(strings.ReplaceAll(all, `"s3cret"`, ""), "s3cret") && cfg.URL[0] != 's' || strings.Contains(all, "u:s3cret") {
			t.Errorf("the password is printed: %s", all)
		}
	}
	cfg := mqttconn.Config{URL: "mqtt://h", ClientID: "gw"}
	if got := cfg.WithClient("clean").ClientID; got != "gw-clean" {
		t.Errorf("client id is %q", got)
	}
	if got := cfg.Broker(); got != "mqtt://h:1883" {
		t.Errorf("broker is %q", got)
	}
}

func connect(t *testing.T, cfg mqttconn.Config, s mqttconn.Session) (*mqttconn.Client, error) {
	t.Helper()
	c, err := mqttconn.Connect(t.Context(), cfg, s)
	if err == nil {
		t.Cleanup(func() { c.Close(context.Background()) })
	}
	return c, err
}

func TestCredentials(t *testing.T) {
	b := mqtttest.Start(t, mqtttest.Rules{Connect: func(client, user, password string) bool {
		return client == "c" && user == "u" && password == "p"
	}})
	addr := strings.TrimPrefix(b.URL, "mqtt://")
	for _, c := range []struct {
		cfg mqttconn.Config
		ok  bool
	}{
		{mqttconn.Config{URL: b.URL, ClientID: "c", Username: "u", Password: "p"}, true},
		{mqttconn.Config{URL: "mqtt://u:p@" + addr, ClientID: "c"}, true},
		{mqttconn.Config{URL: "mqtt://u:p@" + addr, ClientID: "c", Username: "u", Password: "wrong"}, false},
		{mqttconn.Config{URL: b.URL, ClientID: "c"}, false},
	} {
		_, err := connect(t, c.cfg, mqttconn.Session{Clean: true})
		if (err == nil) != c.ok || errors.Is(err, conn.ErrRejected) == c.ok {
			t.Errorf("%v: %v, want success %v", c.cfg, err, c.ok)
		}
	}
}

// TestRefusals: every CONNACK code.
func TestRefusals(t *testing.T) {
	for code, rejected := range map[byte]bool{
		packets.ErrRefusedBadProtocolVersion: true, packets.ErrRefusedIDRejected: true, packets.ErrRefusedServerUnavailable: false,
		packets.ErrRefusedBadUsernameOrPassword: true, packets.ErrRefusedNotAuthorised: true,
	} {
		s := mqtttest.NewScript(t)
		got := make(chan error, 1)
		go func() {
			_, err := mqttconn.Connect(context.Background(), mqttconn.Config{URL: s.URL}, mqttconn.Session{Clean: true})
			got <- err
		}()
		s.Accept(t).Connack(code, false)
		if err := <-got; err == nil || mqttconn.Rejected(err) != rejected || !strings.Contains(err.Error(), s.URL) {
			t.Errorf("CONNACK %d: %v, want rejected %v", code, err, rejected)
		}
	}
}

func TestConnectFails(t *testing.T) {
	if _, err := connect(t, mqttconn.Config{URL: "mqtt://127.0.0.1:1"}, mqttconn.Session{Clean: true}); err == nil || mqttconn.Rejected(err) {
		t.Errorf("no broker: %v", err)
	}
	if _, err := connect(t, mqttconn.Config{URL: "mqtt://127.0.0.1:1"}, mqttconn.Session{}); err == nil || !strings.Contains(err.Error(), "client_id") {
		t.Errorf("persistent session without a client id: %v", err)
	}
	// The context ends while the broker keeps silent.
	s := mqtttest.NewScript(t)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := mqttconn.Connect(ctx, mqttconn.Config{URL: s.URL}, mqttconn.Session{Clean: true})
		got <- err
	}()
	s.Accept(t)
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while waiting for the CONNACK: %v", err)
	}
}

// TestLost: both ends, and why.
func TestLost(t *testing.T) {
	s := mqtttest.NewScript(t)
	dial := func() (*mqttconn.Client, *mqtttest.Peer) {
		got := make(chan *mqttconn.Client, 1)
		go func() {
			c, err := mqttconn.Connect(context.Background(), mqttconn.Config{URL: s.URL}, mqttconn.Session{Clean: true})
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
		p := s.Welcome(t, true)
		c := <-got
		if c == nil {
			t.FailNow()
		}
		return c, p
	}
	c, p := dial()
	if !c.SessionPresent || c.LostReason() != nil {
		t.Errorf("session present %v, lost %v", c.SessionPresent, c.LostReason())
	}
	p.Hangup()
	<-c.Lost()
	if err := c.LostReason(); err == nil || !strings.Contains(err.Error(), "the broker closed the connection") {
		t.Errorf("lost because %v", err)
	}
	if err := c.Ack([]uint16{1}); err == nil {
		t.Error("an acknowledgement went over a lost connection")
	}

	c, p = dial()
	c.Abort()
	<-c.Lost()
	if cp, err := p.Next(); err == nil {
		t.Errorf("an aborted client sends %v", cp)
	}
	if _, _, err := c.Subscribe(t.Context(), []string{"a"}, 1); err == nil {
		t.Error("subscribed over a lost connection")
	}

	c, p = dial()
	if err := c.Ack([]uint16{0x1234, 7}); err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
	for _, id := range []uint16{0x1234, 7} {
		if a := mqtttest.Read[*packets.PubackPacket](p); a.MessageID != id {
			t.Errorf("PUBACK for %d, want %d", a.MessageID, id)
		}
	}
	mqtttest.Read[*packets.DisconnectPacket](p)
}

// TestBlockedHandler: a handler that waits for Lost does not hold up the end of
// the connection, from whichever side.
func TestBlockedHandler(t *testing.T) {
	for _, end := range []string{"abort", "close"} {
		s := mqtttest.NewScript(t)
		entered := make(chan struct{})
		var once sync.Once
		got := make(chan *mqttconn.Client, 1)
		go func() {
			c, err := mqttconn.Connect(context.Background(), mqttconn.Config{URL: s.URL, ClientID: "c"}, mqttconn.Session{
				OnMessage: func(c *mqttconn.Client, _ paho.Message) {
					once.Do(func() { close(entered) })
					<-c.Lost()
				},
			})
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
		p := s.Welcome(t, true)
		for i := range 10 {
			p.Publish(uint16(i+1), false, "t", "x")
		}
		c := <-got
		if c == nil {
			t.FailNow()
		}
		<-entered
		if end == "abort" {
			c.Abort()
		} else {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			c.Close(ctx)
		}
		<-c.Lost()
	}
}

// TestKeeper: reconnects after losses and failures, and gives up on a
// rejection.
func TestKeeper(t *testing.T) {
	s := mqtttest.NewScript(t)
	var mu sync.Mutex
	var failures []string
	k, err := mqttconn.NewKeeper(mqttconn.Config{URL: s.URL, ClientID: "c"}, mqttconn.Session{}, mqttconn.KeeperOptions{
		FirstWait: time.Millisecond, MaxWait: time.Millisecond,
		OnFailure: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, err.Error())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan *mqttconn.Client)
	ended := make(chan error, 1)
	go func() {
		ended <- k.Run(context.Background(), func(_ context.Context, c *mqttconn.Client) error {
			served <- c
			<-c.Lost()
			return nil
		})
	}()
	for range 3 {
		p := s.Welcome(t, false)
		<-served
		if ok, err := k.Status(); !ok || err != nil {
			t.Errorf("status while connected: %v, %v", ok, err)
		}
		p.Hangup()
		s.Accept(t).Connack(packets.ErrRefusedServerUnavailable, false)
	}
	s.Accept(t).Connack(packets.ErrRefusedNotAuthorised, false)
	if err := <-ended; !mqttconn.Rejected(err) {
		t.Errorf("Run ended with %v, want a rejection", err)
	}
	if ok, err := k.Status(); ok || !mqttconn.Rejected(err) {
		t.Errorf("status after a rejection: %v, %v", ok, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(failures) != 4 {
		t.Errorf("%d failed attempts reported, want 4: %q", len(failures), failures)
	}
}

// TestKeeperRivals: a broker that takes us and soon closes the connection, three times in a row,
// most likely has another client of the same id, which the log says then and not before.
func TestKeeperRivals(t *testing.T) {
	s := mqtttest.NewScript(t)
	var log bytes.Buffer
	k, err := mqttconn.NewKeeper(mqttconn.Config{URL: s.URL, ClientID: "gateway"}, mqttconn.Session{}, mqttconn.KeeperOptions{
		Log: slog.New(slog.NewTextHandler(&log, nil)), FirstWait: time.Millisecond, MaxWait: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- k.Run(context.Background(), func(_ context.Context, c *mqttconn.Client) error {
			<-c.Lost()
			return nil
		})
	}()
	hangup := func(n int) {
		for range n {
			s.Welcome(t, false).Hangup()
		}
	}
	hangup(2)
	s.Accept(t).Connack(packets.ErrRefusedServerUnavailable, false) // an outage: two are not in a row with what follows
	hangup(2)
	s.Accept(t).Connack(packets.ErrRefusedServerUnavailable, false)
	hangup(3)
	s.Accept(t).Connack(packets.ErrRefusedNotAuthorised, false)
	<-ended
	var told []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "the broker closed") {
			told = append(told, line)
		}
	}
	if len(told) != 7 || !strings.Contains(told[6], "has the client_id gateway too; give each its own") {
		t.Fatalf("told %q", told)
	}
	for _, line := range told[:6] {
		if strings.Contains(line, "client_id") {
			t.Errorf("told too soon: %q", line)
		}
	}
}

// TestKeeperStops: the context ends while serving, and while waiting.
func TestKeeperStops(t *testing.T) {
	s := mqtttest.NewScript(t)
	for _, serving := range []bool{true, false} {
		url := s.URL
		if !serving {
			url = "mqtt://127.0.0.1:1"
		}
		failed := make(chan struct{})
		var once sync.Once
		k, err := mqttconn.NewKeeper(mqttconn.Config{URL: url, ClientID: "c"}, mqttconn.Session{},
			mqttconn.KeeperOptions{FirstWait: time.Hour, OnFailure: func(error) { once.Do(func() { close(failed) }) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := make(chan struct{})
		go func() {
			ended <- k.Run(ctx, func(ctx context.Context, _ *mqttconn.Client) error {
				close(began)
				<-ctx.Done()
				return nil
			})
		}()
		var p *mqtttest.Peer
		if serving {
			p = s.Welcome(t, false)
			<-began
		} else {
			<-failed
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if serving {
			mqtttest.Read[*packets.DisconnectPacket](p)
		}
	}
	if _, err := mqttconn.NewKeeper(mqttconn.Config{URL: "mqtts://h", TLS: conn.TLS{CAFile: "missing.pem"}}, mqttconn.Session{}, mqttconn.KeeperOptions{}); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("a missing CA file: %v", err)
	}
}

func ExampleConfig_String() {
	fmt.Println(mqttconn.Config{URL: "mqtts://broker", ClientID: "quell-gw1", Username: "quell", Password: "secret"})
	// Output: mqtts://broker:8883 client "quell-gw1" user "quell"
}
