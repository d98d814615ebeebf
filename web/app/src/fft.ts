// Spectra: Fourier transform, power spectral density, spectrogram.

/** fft transforms re, im in place; their length is a power of two (Cooley and Tukey, 1965). */
export function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
  }
  for (let len = 2; len <= n; len <<= 1) {
    const half = len >> 1, step = (-2 * Math.PI) / len;
    for (let k = 0; k < half; k++) {
      const wr = Math.cos(step * k), wi = Math.sin(step * k);
      for (let i = k; i < n; i += len) {
        const j = i + half;
        const xr = re[j] * wr - im[j] * wi, xi = re[j] * wi + im[j] * wr;
        re[j] = re[i] - xr; im[j] = im[i] - xi;
        re[i] += xr; im[i] += xi;
      }
    }
  }
}

const windows = new Map<number, Float64Array>();
function hann(n: number): Float64Array {
  let w = windows.get(n);
  if (!w) windows.set(n, (w = Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n))));
  return w;
}

/** power returns the density of x[from, from+n) at the n/2+1 frequencies up to half the rate, in units² per Hz, mean taken out. */
export function power(x: ArrayLike<number>, from: number, n: number, rateHz: number): Float64Array {
  const re = new Float64Array(n), im = new Float64Array(n), w = hann(n);
  let mean = 0;
  for (let i = 0; i < n; i++) mean += x[from + i] / n;
  let energy = 0;
  for (let i = 0; i < n; i++) { re[i] = (x[from + i] - mean) * w[i]; energy += w[i] * w[i]; }
  fft(re, im);
  const out = new Float64Array(n / 2 + 1);
  for (let k = 0; k < out.length; k++) {
    const both = k === 0 || k === n / 2 ? 1 : 2; // the negative frequency's share
    out[k] = (both * (re[k] * re[k] + im[k] * im[k])) / (energy * rateHz);
  }
  return out;
}

/** welch averages the density over windows of n values that overlap by half (Welch, 1967); null where x is shorter than one. */
export function welch(x: ArrayLike<number>, n: number, rateHz: number): Float64Array | null {
  if (x.length < n) return null;
  const sum = new Float64Array(n / 2 + 1);
  let count = 0;
  for (let from = x.length - n; from >= 0; from -= n / 2, count++) {
    const p = power(x, from, n, rateHz);
    for (let k = 0; k < p.length; k++) sum[k] += p[k];
  }
  return sum.map((s) => s / count);
}

/** spectrogram returns one density per hop, oldest first. */
export function spectrogram(x: ArrayLike<number>, n: number, hop: number, rateHz: number): Float64Array[] {
  const out: Float64Array[] = [];
  for (let from = (x.length - n) % hop; from >= 0 && from + n <= x.length; from += hop) out.push(power(x, from, n, rateHz));
  return out;
}

/** even lays values at times t (seconds, rising) onto an even grid of the given rate, straight lines between them. Null is bridged. */
export function even(t: number[], v: (number | null)[], rateHz: number): Float64Array {
  const ts: number[] = [], vs: number[] = [];
  for (let i = 0; i < t.length; i++) {
    const x = v[i];
    if (x !== null && Number.isFinite(x)) { ts.push(t[i]); vs.push(x); }
  }
  if (ts.length < 2) return new Float64Array(0);
  const n = Math.min(Math.floor((ts[ts.length - 1] - ts[0]) * rateHz + 1e-6) + 1, 1 << 15);
  const out = new Float64Array(n);
  const first = ts[ts.length - 1] - (n - 1) / rateHz;
  for (let i = 0, j = 0; i < n; i++) {
    const at = first + i / rateHz;
    while (j < ts.length - 2 && ts[j + 1] < at) j++;
    const f = Math.min(Math.max((at - ts[j]) / (ts[j + 1] - ts[j]), 0), 1);
    out[i] = vs[j] + f * (vs[j + 1] - vs[j]);
  }
  return out;
}

/** rate returns the rate of times t by the median of their differences, and 0 where there are too few. */
export function rate(t: number[]): number {
  const d: number[] = [];
  for (let i = Math.max(1, t.length - 512); i < t.length; i++) d.push(t[i] - t[i - 1]);
  if (d.length < 8) return 0;
  d.sort((a, b) => a - b);
  const m = d[d.length >> 1];
  return m > 0 ? 1 / m : 0;
}
