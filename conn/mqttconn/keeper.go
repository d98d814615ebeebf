package mqttconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Keeper keeps one connection up: it connects, hands the connection to a
// function, and connects again when that is lost, for ever.
type Keeper struct {
	cfg       Config
	session   Session
	log       *slog.Logger
	onFailure func(error)

	// The waiting times between attempts; tests make them short.
	firstWait, maxWait time.Duration

	mu  sync.Mutex
	up  bool
	err error
}

// KeeperOptions tune a Keeper. The zero value is usable.
type KeeperOptions struct {
	Log       *slog.Logger  // default: nothing is logged
	FirstWait time.Duration // before the second attempt; default 250 ms, then twice as long each time
	MaxWait   time.Duration // default 10 s
	// OnFailure is called after each failed attempt to connect.
	OnFailure func(error)
}

// NewKeeper returns a keeper after validating its configuration, TLS files
// included.
func NewKeeper(cfg Config, s Session, o KeeperOptions) (*Keeper, error) {
	if _, err := Options(cfg); err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, session: s, log: o.Log, firstWait: o.FirstWait, maxWait: o.MaxWait, onFailure: o.OnFailure}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.firstWait <= 0 {
		k.firstWait = 250 * time.Millisecond
	}
	if k.onFailure == nil {
		k.onFailure = func(error) {}
	}
	if k.maxWait <= 0 {
		k.maxWait = 10 * time.Second
	}
	return k, nil
}

// steady is how long a connection must have lasted for the waiting times to
// start from the shortest again. A broker that throws us out right away, as for
// two clients with one id, is not stormed.
const steady = time.Second

// MQTT 3.1.1 has no reason for the end of a connection. A broker that takes us and closes the
// connection within brief, takenOver times in a row, most likely does so for another client
// with the same id, which comes back as often as we do.
const (
	takenOver = 3
	brief     = 30 * time.Second
)

// rivalry counts the connections in a row that the broker closed soon.
type rivalry struct{ n int }

// lost takes how a connection ended that lasted so long, and returns what to say of it.
func (r *rivalry) lost(err error, lasted time.Duration, clientID string) error {
	closed := errors.Is(err, errBrokerClosed) || errors.Is(err, syscall.ECONNRESET)
	if !closed || lasted >= brief || clientID == "" {
		r.n = 0
		return err
	}
	if r.n++; r.n < takenOver {
		return err
	}
	return fmt.Errorf("%w again and again, soon after it took us: most likely another client, such as a second quell, has the client_id %s too; give each its own", err, clientID)
}

// Run connects and calls serve with each connection until ctx ends, which it
// reports as nil. serve returns when the connection is lost or ctx ends; an
// error of it also ends the connection. Run gives up only where the broker
// rejects us, in Connect or in an error of serve.
func (k *Keeper) Run(ctx context.Context, serve func(context.Context, *Client) error) error {
	wait := &backoff.ExponentialBackOff{
		InitialInterval: k.firstWait, MaxInterval: k.maxWait, Multiplier: 2, RandomizationFactor: 0.3,
	}
	wait.Reset()
	said := ""
	var rivals rivalry
	for {
		c, err := Connect(ctx, k.cfg, k.session)
		if err != nil && ctx.Err() == nil {
			rivals = rivalry{}
			k.set(false, err) // before anyone is told to look
			k.onFailure(err)
		}
		if err == nil {
			k.set(true, nil)
			k.log.Info("mqtt: connected", "broker", k.cfg.Broker(), "client", k.cfg.ClientID, "session_present", c.SessionPresent)
			said = ""
			began := time.Now()
			err = serve(ctx, c)
			if ctx.Err() != nil {
				// A context of its own: this one has ended, but the good-bye matters.
				bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				c.Close(bye)
				cancel()
				return nil
			}
			if err == nil {
				err = c.LostReason()
			}
			c.Abort()
			lasted := time.Since(began)
			if lasted >= steady {
				wait.Reset()
			}
			err = rivals.lost(err, lasted, k.cfg.ClientID)
		}
		if ctx.Err() != nil {
			return nil
		}
		k.set(false, err)
		if Rejected(err) {
			return err
		}
		// Once per outage and reason, not once per attempt.
		if err != nil && err.Error() != said {
			said = err.Error()
			k.log.Warn("mqtt: not connected, trying again for ever", "broker", k.cfg.Broker(), "client", k.cfg.ClientID, "err", err)
		}
		t := time.NewTimer(wait.NextBackOff())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

func (k *Keeper) set(up bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.up, k.err = up, err
}

// Status says whether the connection is up, and if not, the last error.
func (k *Keeper) Status() (up bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.up, k.err
}
