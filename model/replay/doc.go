// Package replay keeps windows of past samples to fine-tune on, within a fixed
// number of bytes: the latest ones, and a uniform random sample of all the
// others that ever were.
//
// Every k-th window of a series is held out: no training ever sees it, so that a
// challenger can be judged on the new regime and on the old ones. Windows that
// are in doubt (a fault, an undecided alarm) can be quarantined and released.
//
// What a Buffer holds depends on the windows it was given and on its seed,
// never on the clock. Its state can be saved and restored bit for bit.
package replay
