package sink

import (
	"strconv"
	"time"
)

// RetryError is an error of Write of which the other side has said when to try
// again.
type RetryError struct {
	After time.Duration
	Err   error
}

// Error implements error.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// mostRetry bounds what another side may ask for.
const mostRetry = 5 * time.Minute

// RetryAfter returns err with the time that an HTTP header Retry-After asks for, at
// most five minutes; err itself where the header is empty or no time from now on.
func RetryAfter(err error, header string, now time.Time) error {
	after := time.Duration(0)
	if seconds, e := strconv.ParseUint(header, 10, 32); e == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, e := time.Parse(time.RFC1123, header); e == nil {
		after = at.Sub(now)
	}
	if after <= 0 {
		return err
	}
	return &RetryError{After: min(after, mostRetry), Err: err}
}
