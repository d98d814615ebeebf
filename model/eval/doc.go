// Package eval scores denoisers against a clean truth: it splits a recording,
// adds seeded noise, tunes the classical filters, and puts them and any models
// into one table.
//
// # Protocol
//
// A recording is cut into 60 % for training, 20 % for tuning and 20 % for the
// test, with one receptive field left out at each border. Noise has the
// variance 10^(-SNR/10)·Var(training part). The classical filters are tuned on
// the tune part with the clean truth, which flatters them; models are given the
// noisy test part. Edges count.
//
// # Missing values
//
// A sample counts only where every signal of a score has a finite value there.
// With none left a score is NaN, which JSON writes as null.
package eval
