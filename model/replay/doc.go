// Package replay keeps windows of past samples to fine-tune on, within a fixed
// number of bytes: one half are the latest ones. Of all the others that ever were
// one half is a uniform random sample, and the other holds as many of each regime
// as of any other, however short it was. Mix says what share each has in training.
//
// Every k-th window of a series is held out: no training ever sees it, so that a
// challenger can be judged on the new regime and on the old ones. Windows that
// are in doubt (a fault, an undecided alarm) can be quarantined and released.
//
// What a Buffer holds depends on the windows it was given, on the regimes that
// their series were said to be in and on its seed, never on the clock. Its state
// can be saved and restored bit for bit.
package replay
