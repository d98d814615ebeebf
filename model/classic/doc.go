// Package classic holds the classical denoising filters: moving average,
// exponential moving average, Savitzky-Golay, median, Hampel, Kalman, wavelet
// shrinkage (of a whole recording, and of a stream), Butterworth and the Wiener
// filter.
//
// They are what a network has to beat, what serves where it does not, and what
// a user may ask for by name. Each filter comes as a function over a whole
// recording and, where its definition allows, as a Filter that takes one sample
// at a time in constant memory and gives bit for bit the same values.
//
// # Look-ahead
//
// Params.Lookahead says how many samples after t the estimate at t may use.
// Full stands for as many as the filter can use: half a window for the window
// filters, the whole recording for Kalman and wavelet. A smaller look-ahead
// shifts the window into the past, down to 0, the causal form.
//
// # Edges
//
// Moving average, median and Hampel continue a recording with its first and its
// last value. Savitzky-Golay evaluates the polynomial fitted to the outermost
// window. The exponential average starts at the first value, Kalman knows
// nothing at all before it (an exact diffuse start), wavelets are periodised.
// Butterworth and the streaming wavelet continue a recording with its first and
// its last value, Butterworth over the whole recording with its odd mirror image.
//
// # Missing values
//
// A NaN or an infinity counts as missing. The Kalman filter leaves it out of
// its update; to the exponential average it is time that passes; for all others
// the last value before it stands in. Slots before the first value of a
// recording come out as NaN.
//
// # Choosing without truth
//
// Divergence tells how much of each estimate is the sample's own doing. With it,
// Risk estimates the error against a truth that nobody knows (Stein's unbiased
// risk estimate), and TuneBlind and SelectBlind choose among settings and
// families from the noisy recording alone.
package classic
