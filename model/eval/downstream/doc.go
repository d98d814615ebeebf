// Package downstream measures what denoising does to work that is done on the
// signal afterwards: heartbeats found in an ECG, and faults told apart from
// normal operation. A signal that looks cleaner can serve such work worse.
//
// The detectors are small on purpose and the same before and after, so that a
// difference is the denoiser's.
package downstream
