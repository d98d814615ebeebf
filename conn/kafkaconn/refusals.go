package kafkaconn

import (
	"errors"
	"time"

	"github.com/quell-stream/quell/conn"
)

// Refusals decides when a refusal (see Classify) is to be believed: when it came
// at least three times in a row and lasted. A broker that goes down in the middle
// of SASL looks the same once. It is not safe for concurrent use.
type Refusals struct {
	// Lasting is how long a refusal must last. Default: 2 s.
	Lasting time.Duration

	n     int
	first time.Time
}

// None notes that something worked.
func (r *Refusals) None() { r.n = 0 }

// Believe notes an error and says whether to give up. Errors that are no
// refusals interrupt a row of them.
func (r *Refusals) Believe(err error) bool {
	if !errors.Is(err, conn.ErrRejected) {
		r.n = 0
		return false
	}
	if r.n++; r.n == 1 {
		r.first = time.Now()
	}
	lasting := r.Lasting
	if lasting == 0 {
		lasting = 2 * time.Second
	}
	return r.n >= 3 && time.Since(r.first) >= lasting
}
