// Package drift holds the Detector interface and the detectors: one number in,
// one state out, no allocation per update.
//
// Detectors reproduce River 0.26.1 and Frouros 0.9.0 where they bear their
// names, state and draws of random samples included. docs/formats/drift.md
// lists them with their parameters and variables.
package drift

// State is what a detector says after an update.
type State uint8

// The states of a detector.
const (
	Stable State = iota
	Warning
	Drift
)

// Detector watches one real-valued series for a change. A Detector is not safe
// for concurrent use. Non-finite input is ignored: it changes nothing, and the
// last state is returned.
type Detector interface {
	// Update feeds one value and returns the state after it.
	Update(x float64) State
	// Reset returns the detector to its initial state with the same parameters.
	Reset()
	// AppendState appends a snapshot to dst; RestoreState reads it back, bit
	// for bit, and returns the rest of src.
	AppendState(dst []byte) []byte
	RestoreState(src []byte) (rest []byte, err error)
	// Vars visits the state variables by the names used in golden/drift, for
	// display and parity tests.
	Vars(visit func(name string, v float64))
}
