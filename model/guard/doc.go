// Package guard decides, for one channel of a series, whether the network or a
// classical filter serves its clean values, and how wide the interval around
// them must be, from the noisy readings alone.
//
// # Evidence
//
// The truth is not known, but the error against it can be estimated: for white
// noise of deviation σ,
//
//	(y-x̂)² - σ² + 2σ²·∂x̂/∂y
//
// has the expectation of (x-x̂)² (Stein, "Estimation of the Mean of a Multivariate
// Normal Distribution", 1981). The derivative is known for the filters; of the
// network it is measured on a second run over readings that are moved by a
// hundredth of the noise to either side at random (Ramani, Blu and Unser,
// "Monte-Carlo SURE", 2008). What is compared are differences of these estimates,
// summed over 64 slots, so that errors that hang together in time count once.
//
// Evidence is gathered in blocks of 512 slots: the first eight one after the
// other, later every fourth. It is forgotten exponentially over 32,768 slots.
// All depends on the readings and their number alone, so that a run over a
// recording and a live one, restarts included, decide the same.
//
// Where the noise is taken to be coloured (see noise.Colour) no evidence is
// gathered: the formula would take its slow part for signal. What served goes on
// serving, but for a network that is told the colour: that one serves, since the
// filters take slow noise for signal.
//
// # Decision
//
// σ̂ goes by the fastest details, bounded by the spectrum where that is clear
// (window.Scaler). Where they are signal, as on a machine's
// vibration, σ² may still be smaller; so it is taken for no more than what the
// quietest band of the readings' spectrum holds, nor for more than the error with
// which the best filter foretells a reading from the others (Batson and Royer,
// "Noise2Self", 2019). Where that is clearly below σ̂² a filter serves: the network
// is told σ̂.
//
// The filter is one of the panel (the classical grids at the same look-ahead). Those
// that foretell a reading nearly as well as the best one are candidates, and among
// them serves the one of the least estimated error, or the identity where that is
// likely to do harm. Where another one is hardly worse, the mean of both serves in
// place of the better one, and under its name: it errs less than either. Wiener
// filters learn from the blocks before. The network
// serves until four blocks have been seen or the evidence is clearly against it;
// then where it is better than the filter by more than chance explains.
//
// # Jumps
//
// A filter with a long memory may serve by the evidence and yet be late by hundreds of slots
// where the process jumps. Its mean residual over the latest 32 slots or so tells: where that is
// more than six standard errors of white noise off 0, and the network's less than half of it,
// the network serves until the filter has caught up.
//
// # What is near
//
// Where the network serves, the readings around the slot and the network's estimates
// before it are mixed in, with weights that follow from the same formula (see mixer), as
// far as evidence that was not learnt from supports it.
//
// # Earlier cycles
//
// Whatever serves, the mean of the readings at the same place of earlier cycles of
// the channel (see package nonlocal) has a share in the clean value, as large as the
// same kind of evidence supports.
//
// A reading counts as off an estimate by at most 32 σ̂, so that a wild one is no
// verdict.
//
// # Interval
//
// The same evidence corrects how large the network says its errors are: as far as
// it can be trusted, since the error of a good estimate is small beside the noise
// of the evidence.
//
// Of a filter more is known. The noise that it leaves follows from its impulse
// response; what it takes of the signal shows in the residual y-x̂, where that holds
// more than the noise that the filter takes away. Both together are Stein's estimate,
// but taken apart by a Haar transform, level by level, and only what exceeds chance
// counts: a filter's bias is slow, and at the slow levels hardly any noise is left that
// would hide it. So an error of a tenth of the noise is known to within 15 % of
// itself, where Stein's sum says nothing. What the network says of itself, and how far
// it lies from the filter, tells where the error is larger than elsewhere.
package guard
