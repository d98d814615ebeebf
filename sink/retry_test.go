package sink

import (
	"errors"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	busy := errors.New("busy")
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "soon": 0, "7": 7 * time.Second, "86400": mostRetry, "99999999999999999999": 0,
		"Mon, 23 Nov 2026 12:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 11:00:00 GMT": 0,
	} {
		err := RetryAfter(busy, header, now)
		var r *RetryError
		got := time.Duration(0)
		if errors.As(err, &r) {
			got = r.After
		}
		if got != want || !errors.Is(err, busy) || err.Error() != "busy" {
			t.Errorf("%q: %s, %v; want %s", header, got, err, want)
		}
	}
}
