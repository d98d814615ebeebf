package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Options say what is sent.
type Options struct {
	Exe     string        // the program that runs the pipeline
	Devices int           // each a series of one channel
	Warm    int           // messages of each device before anything is measured
	Burst   int           // messages sent as fast as the broker takes them
	Rate    float64       // messages per second after that
	Steady  time.Duration // for how long
	Threads int           // of the pipeline
	Model   string        // settings of the model besides its look-ahead, as ", scope: shared"
	Tell    func(format string, args ...any)
}

// Result is what a run cost, and whether everything came out.
type Result struct {
	Broker                 string
	Sent, Records          int64
	Lost, Copies, Strays   int64
	BurstSent              int64
	BurstCPU, BurstTime    time.Duration
	SteadySent             int64
	SteadyCPU              time.Duration
	P50, P99               time.Duration // of the steady part, beyond look-ahead
	Late99                 time.Duration // p99 by which a process that only sleeps was late then
	Resident, PeakResident int64
	StartResident, Disk    int64 // memory before the first message; state_dir at the end
	WarmSent               int64
	WarmCPU                time.Duration
}

// PerCore is the messages of the burst per second of processor time.
func (r *Result) PerCore() float64 { return float64(r.BurstSent) / r.BurstCPU.Seconds() }

// Lookahead is that of the load's model, in samples.
const Lookahead = 8

// every is the period of the devices' grids.
const every = 500 * time.Millisecond

// settle is how long a part is followed after its last record, so that the checkpoint
// that it calls for is among what it cost.
const settle = 1500 * time.Millisecond

// stall is how long nothing may come while records are due.
const stall = 30 * time.Second

// Run sends the load over a bus through a pipeline of its own and takes the bus's Close
// upon itself.
func Run(ctx context.Context, bus Bus, o Options) (_ *Result, err error) {
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, bus.Close(closing))
	}()
	dir, err := os.MkdirTemp("", "quell-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "quell.yaml")
	if err := os.WriteFile(config, []byte(configOf(bus, &o, dir, address)), 0o600); err != nil {
		return nil, err
	}
	slots := o.Warm + (o.Burst+int(o.Rate*o.Steady.Seconds()))/o.Devices + 2
	f := &Fleet{Devices: o.Devices, Every: every, Start: time.Now().Add(-time.Duration(slots) * every).Truncate(time.Second)}
	r := &runner{o: &o, bus: bus, fleet: f, tally: newTally(f, Lookahead), next: make([]int, o.Devices), Result: Result{Broker: bus.Name()}}
	if err := bus.Collect(ctx, r.tally.take); err != nil {
		return nil, err
	}
	if r.child, err = Start(o.Exe, o.Threads, "run", "-c", config); err != nil {
		return nil, err
	}
	err = r.all(ctx, address)
	if r.Disk = bytesBelow(dir); err == nil {
		err = r.child.Stop()
	} else {
		_ = r.child.Stop() // the first error is the one to tell
	}
	return &r.Result, err
}

func configOf(bus Bus, o *Options, dir, address string) string {
	return fmt.Sprintf(`version: 1
state_dir: %q
http: {listen: %q}
connections: {bus: %s}
streams:
  load:
    source: {%s, codec: {type: json, series: device, time: ts, time_unit: ms}}
    channels: {value: {path: value}}
    window: {rate_hz: 2, max_series: %d}
    model: {use: base, lookahead: %d%s}
    sinks: [clean]
sinks: {clean: {%s}}
`, filepath.Join(dir, "state"), address, bus.Connection(), bus.Source(), o.Devices+1, Lookahead, o.Model, bus.Sink())
}

type runner struct {
	o     *Options
	bus   Bus
	fleet *Fleet
	tally *tally
	child *Child
	next  []int // next message of each device
	turn  int   // the device that sends next
	Result
}

func (r *runner) all(ctx context.Context, address string) error {
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := r.child.Ready(starting, address); err != nil {
		return err
	}
	var err error
	if r.StartResident, _, err = r.child.Memory(); err != nil {
		return err
	}
	if r.WarmSent = int64(r.o.Warm * r.o.Devices); r.WarmSent > 0 {
		if r.WarmCPU, _, err = r.weigh(ctx, func() error { return r.burst(ctx, int(r.WarmSent)) }); err != nil {
			return err
		}
	}
	if r.BurstSent = int64(r.o.Burst); r.BurstSent > 0 {
		if r.BurstCPU, r.BurstTime, err = r.weigh(ctx, func() error { return r.burst(ctx, r.o.Burst) }); err != nil {
			return err
		}
		r.tell("%s: %d messages at once: %.0f messages a second and core", r.Broker, r.BurstSent, r.PerCore())
	}
	if r.o.Steady > 0 {
		late := watchSleep()
		r.SteadyCPU, _, err = r.weigh(ctx, func() error { return r.steady(ctx) })
		if r.Late99 = late(); err != nil {
			return err
		}
		r.P50, r.P99 = r.tally.quantile(.5), r.tally.quantile(.99)
	}
	if r.Resident, r.PeakResident, err = r.child.Memory(); err != nil {
		return err
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	r.Records, r.Copies, r.Strays = r.tally.records, r.tally.copies, r.tally.strays
	r.Lost = r.expected() - r.Records
	return nil
}

func (r *runner) tell(format string, args ...any) {
	if r.o.Tell != nil {
		r.o.Tell(format, args...)
	}
}

// expected returns how many records are due by now.
func (r *runner) expected() (n int64) {
	for _, k := range r.next {
		n += int64(max(0, k-Lookahead))
	}
	return n
}

// weigh returns what the child spends on what send sends, until all records of it are
// there and checkpointed, and how long that takes.
func (r *runner) weigh(ctx context.Context, send func() error) (cpu, wall time.Duration, err error) {
	before, err := r.child.CPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := send(); err != nil {
		return 0, 0, err
	}
	if err := r.await(ctx); err != nil {
		return 0, 0, err
	}
	wall = time.Since(began)
	time.Sleep(settle)
	after, err := r.child.CPU()
	return after - before, wall, err
}

// await waits for all records that are due.
func (r *runner) await(ctx context.Context) error {
	want := r.expected()
	for r.tally.count() < want {
		select {
		case <-r.tally.changed:
		case <-time.After(stall):
			return fmt.Errorf("%s: %d of %d records are missing, and nothing has come for %s: %s", r.Broker, want-r.tally.count(), want, stall, r.child.tail)
		case <-r.child.done:
			return fmt.Errorf("quell ended: %w: %s", r.child.err, r.child.tail)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// batch is how many messages are published at a time.
const batch = 4096

// ahead bounds the messages that are sent and not answered, where brokers in memory
// would drop what is more.
const ahead = 50_000

// take returns the next n messages, the devices in turn.
func (r *runner) take(n int) []Message {
	msgs := make([]Message, n)
	for i := range msgs {
		d := r.turn
		msgs[i] = Message{d, r.next[d], r.fleet.Append(make([]byte, 0, 256), d, r.next[d])}
		r.next[d]++
		r.turn = (d + 1) % r.o.Devices
	}
	return msgs
}

// burst sends n messages as fast as the broker takes them.
func (r *runner) burst(ctx context.Context, n int) error {
	for n > 0 {
		if r.expected()-r.tally.count() >= ahead {
			select {
			case <-r.tally.changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(stall):
				return r.await(ctx)
			}
		}
		msgs := r.take(min(n, batch))
		if err := r.bus.Publish(ctx, r.fleet, msgs); err != nil {
			return err
		}
		n -= len(msgs)
	}
	return nil
}

// tick is how often messages are sent that come at a rate.
const tick = 5 * time.Millisecond

// steady sends messages at the rate, those of a tick together.
func (r *runner) steady(ctx context.Context) error {
	began := time.Now()
	total := int64(r.o.Rate * r.o.Steady.Seconds())
	for r.SteadySent < total {
		due := min(total, int64(time.Since(began).Seconds()*r.o.Rate))
		if n := int(due - r.SteadySent); n > 0 {
			msgs := r.take(n)
			now := time.Now()
			for i := range msgs {
				r.tally.sent(msgs[i].Device, msgs[i].K, now)
			}
			if err := r.bus.Publish(ctx, r.fleet, msgs); err != nil {
				return err
			}
			r.SteadySent = due
		}
		select {
		case <-time.After(tick):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// bytesBelow returns the size of all files in a folder.
func bytesBelow(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
