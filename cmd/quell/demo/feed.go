package demo

import (
	"context"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/quell-stream/quell/ingest/sim"
)

// dial connects a client of the demo's own, which has nothing to do with the
// pipeline's.
func dial(url, name string) (paho.Client, error) {
	o := paho.NewClientOptions().AddBroker(url).SetClientID(name).SetOrderMatters(true).SetAutoReconnect(false)
	o.SetMessageChannelDepth(1 << 14)
	c := paho.NewClient(o)
	t := c.Connect()
	if !t.WaitTimeout(10*time.Second) || t.Error() != nil {
		return nil, fmt.Errorf("%s: no connection to the demo's broker: %v", name, t.Error())
	}
	return c, nil
}

// feed publishes the readings of a fleet: a stretch of history as fast as the
// pipeline takes it, then one reading when its time has come.
type feed struct {
	client paho.Client
	fleet  []*sim.Sensor
	start  int64 // time of the first reading, Unix ns
	count  *counter
	sent   []int64 // readings published, per sensor
	tell   func(string)
	live   chan struct{} // closed when the first live reading is due
	began  time.Time     // when that was; zero before
}

// backlog bounds the readings that are published and not yet seen by the
// counter: the embedded broker drops what its queues can't hold.
const backlog = 8000

// historyTold is how many seconds of history lie between two lines about it.
const historyTold = 25

// run publishes until ctx ends, live readings for so long at most; 0: without end.
func (f *feed) run(ctx context.Context, lasts time.Duration) error {
	pending := make(chan paho.Token, 1024)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for t := range pending {
			t.Wait()
			if err := t.Error(); err != nil {
				select {
				case failed <- fmt.Errorf("publish: %w", err):
				default:
				}
			}
		}
	}()
	err := func() error {
		rate := int64(f.fleet[0].Spec().RateHz)
		var buf []byte
		for i := int64(0); ; i++ {
			if second := i / rate; second >= historySeconds {
				if f.began.IsZero() {
					f.began = time.Now()
					close(f.live)
				}
				due := time.Duration((i - historySeconds*rate) * int64(time.Second) / rate)
				if lasts > 0 && due >= lasts || !sleepUntil(ctx, f.began.Add(due)) {
					return nil
				}
			} else if !f.waitForRoom(ctx) {
				return nil
			} else if i > 0 && i%(historyTold*rate) == 0 {
				f.tell(fmt.Sprintf("%d of %d seconds of history are out", second, historySeconds))
			}
			for k, s := range f.fleet {
				buf = s.AppendJSON(buf[:0], i, f.time(i, rate))
				select {
				case pending <- f.client.Publish("sensors/"+s.Spec().Name, 1, false, append([]byte(nil), buf...)):
				case err := <-failed:
					return err
				}
				f.sent[k]++
			}
		}
	}()
	close(pending)
	for e := range failed {
		if err == nil {
			err = e
		}
	}
	return err
}

func (f *feed) time(i, rate int64) int64 {
	return f.start + i/rate*int64(time.Second) + i%rate*int64(time.Second)/rate
}

// waitForRoom waits while too much is under way.
func (f *feed) waitForRoom(ctx context.Context) bool {
	for {
		total := int64(0)
		for _, n := range f.sent {
			total += n
		}
		if total-f.count.records() < backlog {
			return ctx.Err() == nil
		}
		if !sleepUntil(ctx, time.Now().Add(5*time.Millisecond)) {
			return false
		}
	}
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
