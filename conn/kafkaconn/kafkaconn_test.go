package kafkaconn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/quell-stream/quell/conn"
	"github.com/quell-stream/quell/conn/kafkaconn/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, kafkatest.Leaks) }

const patience = 20 * time.Second

func client(t *testing.T, c Config, topics ...string) *Client {
	t.Helper()
	k, err := New(c, topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		c    Config
		want string // "": valid
	}{
		{"plain text", Config{Brokers: []string{"k1:9092", "k2", "[::1]:9093", "::1"}}, "brokers[3]"},
		{"IPv6", Config{Brokers: []string{"[::1]:9093", "[::1]"}}, ""},
		{"no brokers", Config{}, "at least one host:port"},
		{"URL", Config{Brokers: []string{"kafka://k1:9092"}}, "is a URL"},
		{"empty port", Config{Brokers: []string{"k1:"}}, "not host:port"},
		{"bad port", Config{Brokers: []string{"k1:x"}}, "no valid port"},
		{"list in one", Config{Brokers: []string{"k1,k2"}}, "not host:port"},
		{"sasl", Config{Brokers: []string{"k"}, SASL: SASL{Mechanism: "scram-sha-512", Username: "u", Password: "p"}}, ""},
		{"no mechanism", Config{Brokers: []string{"k"}, SASL: SASL{Username: "u"}}, "no mechanism"},
		{"bad mechanism", Config{Brokers: []string{"k"}, SASL: SASL{Mechanism: "gssapi", Username: "u"}}, `"gssapi" is none of plain, scram-sha-256, scram-sha-512`},
		{"no user", Config{Brokers: []string{"k"}, SASL: SASL{Mechanism: "plain"}}, "username is empty"},
		{"negative", Config{Brokers: []string{"k"}, DialTimeout: -1}, "must not be negative"},
	} {
		err := tc.c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	k := client(t, Config{Brokers: []string{"k1", "[::1]", "k2:9"}})
	if d := cmp.Diff([]string{"k1:9092", "[::1]:9092", "k2:9"}, k.Brokers()); d != "" {
		t.Errorf("brokers (-want +got):\n%s", d)
	}
}

func TestPasswordIsHidden(t *testing.T) {
	c := Config{SASL: SASL{Mechanism: "plain", Username: "ann", Password: "secret"}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, c); strings.Contains(s, "secret") {
			t.Errorf("%s shows the password: %s", format, s)
		}
	}
}

func TestAdmin(t *testing.T) {
	c := kafkatest.Cluster(t)
	k := client(t, Config{Brokers: c.ListenAddrs()})
	topic := Topic{Name: "a", Partitions: 3, Replicas: 1, Config: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "2000"}}
	for range 2 { // the second time it is there already
		if err := k.CreateTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.CreateTopic(t.Context(), Topic{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	n, err := k.Partitions(t.Context(), "a", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	if n["a"] != 3 || n["b"] == 0 || n["c"] != 0 {
		t.Errorf("partitions %v, want a 3, b some, c none", n)
	}
	if got := c.TopicInfo("a").Configs["cleanup.policy"]; got == nil || *got != "compact" {
		t.Errorf("cleanup.policy is %v", got)
	}
	if c.TopicInfo("c") != nil {
		t.Error("asking for a topic created it")
	}
	if err := k.CreateTopic(t.Context(), Topic{Name: "d", Replicas: 7}); !errors.Is(err, kafka.InvalidReplicationFactor) {
		t.Errorf("seven replicas on one broker: %v", err)
	}
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "e", Err: kerr.TopicAuthorizationFailed})
	if err := k.CreateTopic(t.Context(), Topic{Name: "e"}); !Rejected(err) || !strings.Contains(err.Error(), "no right to the topic") {
		t.Errorf("no right: %v", err)
	}
}

// authority makes a certificate for 127.0.0.1 and the pool that trusts it.
func authority(t *testing.T, ip net.IP, from time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{ip},
		NotBefore: from, NotAfter: from.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// Every way in, and every way to be turned away.
func TestCheck(t *testing.T) {
	now := time.Now().Add(-time.Minute)
	here := net.IPv4(127, 0, 0, 1)
	cert, pool := authority(t, here, now)
	foreign, foreignPool := authority(t, net.IPv4(10, 0, 0, 1), now)
	expired, expiredPool := authority(t, here, now.Add(-24*time.Hour))
	secure := func(c tls.Certificate) []kfake.Opt {
		return []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{c}}), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "bob", "pb"), kfake.Superuser("PLAIN", "ann", "pa")}
	}
	mutual := func(c tls.Certificate, clients *x509.CertPool) []kfake.Opt {
		return []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{c}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})}
	}
	bob := SASL{Mechanism: "scram-sha-512", Username: "bob", Password: "pb"}
	for _, tc := range []struct {
		name     string
		broker   []kfake.Opt
		c        Config
		want     string // "": welcome
		rejected bool
	}{
		{"plain text", nil, Config{}, "", false},
		{"TLS and SCRAM", secure(cert), Config{TLS: &tls.Config{RootCAs: pool}, SASL: bob}, "", false},
		{"TLS and PLAIN", secure(cert), Config{TLS: &tls.Config{RootCAs: pool}, SASL: SASL{"plain", "ann", "pa"}}, "", false},
		{"wrong password", secure(cert), Config{TLS: &tls.Config{RootCAs: pool}, SASL: SASL{"scram-sha-512", "bob", "x"}}, "user name or the password", true},
		{"wrong plain password", secure(cert), Config{TLS: &tls.Config{RootCAs: pool}, SASL: SASL{"plain", "ann", "x"}}, "user name or the password", true},
		{"unknown authority", secure(cert), Config{TLS: &tls.Config{RootCAs: foreignPool}, SASL: bob}, "tls.ca_file", true},
		{"another host", secure(foreign), Config{TLS: &tls.Config{RootCAs: foreignPool}, SASL: bob}, "tls.server_name", true},
		{"another host, unverified", secure(foreign), Config{TLS: &tls.Config{InsecureSkipVerify: true}, SASL: bob}, "", false},
		{"own certificate", mutual(cert, pool), Config{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}}, "", false},
		{"no own certificate", mutual(cert, pool), Config{TLS: &tls.Config{RootCAs: pool}}, "does not accept the client certificate", true},
		{"expired", secure(expired), Config{TLS: &tls.Config{RootCAs: expiredPool}, SASL: bob}, "expired", false},
		{"TLS where there is none", nil, Config{TLS: &tls.Config{RootCAs: pool}, DialTimeout: 100 * time.Millisecond}, "", false},
		{"SASL where there is none", []kfake.Opt{}, Config{SASL: bob}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := kafkatest.Cluster(t, tc.broker...)
			tc.c.Brokers = c.ListenAddrs()
			k := client(t, tc.c)
			err := k.Check(t.Context())
			switch {
			case strings.HasSuffix(tc.name, "there is none"):
				// Which error it is depends on the broker; it must be one.
				if err == nil {
					t.Error("Check says nothing")
				}
				return
			case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("Check: %v, want %q", err, tc.want)
			}
			if got := Rejected(err); got != tc.rejected || got != errors.Is(err, conn.ErrRejected) {
				t.Errorf("Rejected(%v) is %v, want %v", err, got, tc.rejected)
			}
			// The pooled connections say the same.
			if _, err := k.Partitions(t.Context(), "x"); Rejected(err) != tc.rejected || (err == nil) != (tc.want == "") {
				t.Errorf("Partitions: %v", err)
			}
		})
	}
}

// The second broker answers where the first is down.
func TestCheckGoesOn(t *testing.T) {
	const down = "127.0.0.1:1"
	up := kafkatest.Cluster(t).ListenAddrs()[0]
	if err := client(t, Config{Brokers: []string{down, up}}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := client(t, Config{Brokers: []string{down}}).Check(t.Context()); err == nil || Rejected(err) || !strings.Contains(err.Error(), down) {
		t.Errorf("Check of %s: %v", down, err)
	}
}

// A broker that accepts and says nothing holds nothing up for longer than the
// dial timeout, also in the middle of SASL, for which the library sets none.
func TestSilentBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := Config{Brokers: []string{l.Addr().String()}, DialTimeout: 50 * time.Millisecond, SASL: SASL{"plain", "ann", "pa"}}
	for _, secure := range []*tls.Config{nil, {InsecureSkipVerify: true}} {
		c.TLS = secure
		done := make(chan error, 1)
		k := client(t, c)
		go func() { done <- k.Check(context.Background()) }()
		select {
		case err := <-done:
			if err == nil || Rejected(err) {
				t.Errorf("Check: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("Check hangs")
		}
	}
}

// Close ends connections that others wait on.
func TestClose(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := client(t, Config{Brokers: []string{l.Addr().String()}})
	c, err := k.Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if _, err := io.ReadAll(c); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v, want net.ErrClosed", err)
	}
	if _, err := k.Dial(t.Context(), "tcp", l.Addr().String()); !errors.Is(err, ErrClosed) {
		t.Errorf("Dial after Close: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	refused := Classify(kafka.SASLAuthenticationFailed)
	r := Refusals{Lasting: time.Nanosecond}
	for i, step := range []struct {
		err  error
		want bool
	}{{refused, false}, {refused, false}, {io.EOF, false}, {refused, false}, {refused, false}, {refused, true}} {
		if got := r.Believe(step.err); got != step.want {
			t.Errorf("step %d: believed %v, want %v", i, got, step.want)
		}
	}
	r = Refusals{Lasting: time.Hour}
	for range 10 {
		if r.Believe(refused) {
			t.Fatal("believed although it has not lasted")
		}
	}
}
