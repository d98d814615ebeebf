package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quell-stream/quell/internal/sdnotify"
	"github.com/quell-stream/quell/pipeline"
)

// supervised is what the service manager is told of.
type supervised interface {
	Reading() <-chan struct{}
	Progress() []pipeline.Progress
	Ready() (bool, []pipeline.Status)
}

// statusEvery is how often the service manager is told in words how things are.
const statusEvery = 10 * time.Second

// supervisor keeps the service manager informed.
type supervisor struct {
	n    *sdnotify.Notifier
	p    supervised
	log  *slog.Logger
	seen map[string]int64 // beats of each stream as of the latest feed
	told bool             // that a stream is stuck
	mute bool             // the service manager does not answer, and that was said
}

// supervise tells the service manager, where there is one, when every source is being
// read, how things are, that the process stops once ctx ends, and, until the function
// that it returns is called, that each stream gets on. One that is stuck is not
// vouched for: the service manager ends the process, with the stacks of all
// goroutines, and starts it again.
func supervise(ctx context.Context, n *sdnotify.Notifier, p supervised, log *slog.Logger) (stop func()) {
	if n == nil {
		return func() {}
	}
	s := &supervisor{n: n, p: p, log: log, seen: map[string]int64{}}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.run(ctx, quit) })
	return func() {
		close(quit)
		wg.Wait()
	}
}

// notifier returns what tells the service manager, nil where there is none.
func notifier() (*sdnotify.Notifier, error) {
	n, err := sdnotify.New(os.Getenv, os.Getpid())
	if err != nil {
		return nil, usageError("%v", err)
	}
	return n, nil
}

// reloading tells the service manager that a reload goes on, until the function that it
// returns is called. Before the start is over it has nothing to be told.
func reloading(n *sdnotify.Notifier, p supervised, log *slog.Logger) (over func()) {
	select {
	case <-p.Reading():
	default:
		return func() {}
	}
	s := &supervisor{n: n, p: p, log: log}
	s.say(n.Reloading())
	return func() { s.say(n.Ready(s.status())) }
}

func (s *supervisor) run(ctx context.Context, quit <-chan struct{}) {
	every := statusEvery
	if d := s.n.Watchdog(); d > 0 {
		every = min(every, d/4)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	reading, ends := s.p.Reading(), ctx.Done()
	for {
		select {
		case <-reading:
			reading = nil
			s.say(s.n.Ready(s.status()))
		case <-ends:
			ends, reading = nil, nil
			s.say(s.n.Stopping("stopping: waiting for the required sinks"))
		case <-tick.C:
			if s.moves() {
				s.say(s.n.Alive())
			}
			if ends != nil {
				s.say(s.n.Status(s.status()))
			}
		case <-quit:
			return
		}
	}
}

// moves says whether every stream has got on since it was asked last, or is held up
// by its sinks.
func (s *supervisor) moves() bool {
	var stuck []string
	for _, p := range s.p.Progress() {
		was, known := s.seen[p.Stream]
		s.seen[p.Stream] = p.Beats
		if !p.Held && known && p.Beats == was {
			stuck = append(stuck, p.Stream)
		}
	}
	if len(stuck) > 0 && !s.told {
		s.log.Error("a stream does not get on: the watchdog is not fed until it does", "streams", strings.Join(stuck, ", "))
	}
	if len(stuck) == 0 && s.told {
		s.log.Info("every stream gets on again")
	}
	s.told = len(stuck) > 0
	return len(stuck) == 0
}

// status says in words how things are.
func (s *supervisor) status() string {
	_, parts := s.p.Ready()
	var down []string
	for _, p := range parts {
		if !p.Up {
			down = append(down, p.Name)
		}
	}
	text := fmt.Sprintf("%s read", count(len(s.p.Progress()), "stream"))
	if len(down) > 0 {
		text += "; down: " + strings.Join(down, ", ")
	}
	return text
}

// say logs once that the service manager does not take what it is told.
func (s *supervisor) say(err error) {
	if err != nil && !s.mute {
		s.log.Warn("the service manager can't be told how things are", "err", err)
	}
	s.mute = err != nil
}
