"""Writes golden.json: the classical filters as SciPy, PyWavelets, statsmodels and plain NumPy compute them.

    pip install numpy==2.4.6 scipy==1.17.1 PyWavelets==1.9.0 statsmodels==0.15.0
    python golden.py > golden.json

The input is generated here. What no library has as it is defined here is NumPy: Hampel with a median of
deviations of its own per sample, the smoother at a fixed lag, cycle spinning, the Wiener filter's edges, thresholds
that follow a stream. Two libraries differ by definition: scipy.signal.medfilt continues with zeros (its "edge" samples
are left out), pandas' ewm weighs a sample after a gap otherwise than Eckner does (left out altogether).
"""
import json, sys
import numpy as np, scipy, pywt, statsmodels, statsmodels.api as sm
from scipy.linalg import solve_toeplitz, solveh_banded
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import butter, lfilter, medfilt, savgol_filter, sosfilt, sosfilt_zi, sosfiltfilt


def signal(n, seed):
    r = np.random.default_rng(seed)
    t = np.arange(n)
    x = 20 + 3 * np.sin(2 * np.pi * t / 37) + 2 * np.exp(-.5 * ((t % 61 - 30) / 1.7) ** 2) + np.where(t > n // 2, 1.5, 0)
    y = x + .4 * r.standard_normal(n)
    y[r.random(n) < .03] += 6
    return np.round(x, 6), np.round(y, 6)


def hampel(y, w, t):
    m = median_filter(y, size=w, mode="nearest")
    s = 1.4826 * median_filter(np.abs(y - m), size=w, mode="nearest")
    return np.where(np.abs(y - m) > t * s, m, y)


def smoother(y, lam, d):
    n = len(y)
    D = np.diff(np.eye(n), n=d, axis=0)
    return np.linalg.solve(np.eye(n) + lam * D.T @ D, y)


def smoother_banded(y, lam):
    n = len(y)
    ab = np.zeros((3, n))
    ab[2] = 1 + 6 * lam; ab[2, [0, -1]] = 1 + lam; ab[2, [1, -2]] = 1 + 5 * lam
    ab[1, 1:] = -4 * lam; ab[1, [1, -1]] = -2 * lam; ab[0, 2:] = lam
    return solveh_banded(ab, y)


def fixed_lag(y, lam, d, lag):
    """The smoother over y[0..t+lag], evaluated at t."""
    n = len(y)
    out = np.empty(n)
    for t in range(n):
        m = min(n, t + lag + 1)
        out[t] = smoother(y[:m], lam, d)[t]
    return out


def sure(c, s):
    x = np.sort((c / s) ** 2)
    n = len(x)
    risk = (n - 2 * np.arange(1, n + 1) + np.cumsum(x) + np.arange(n - 1, -1, -1) * x) / n
    return s * np.sqrt(x[np.argmin(risk)])


def wavelet(y, level, rule, mode, shifts):
    n = len(y)
    s = np.median(np.abs(pywt.dwt(y, "sym8")[1])) / .6745
    level = min(level, pywt.dwt_max_level(n, pywt.Wavelet("sym8").dec_len))
    out = np.zeros(n)
    for k in range(shifts):
        c = pywt.wavedec(np.roll(y, k), "sym8", level=level, mode="periodization")
        for j in range(1, len(c)):
            d = c[j]
            if rule == "bayes":
                t = min(s * s / np.sqrt(max(np.mean(d * d) - s * s, 1e-20)), np.abs(d).max())
            elif rule == "sure":
                t = min(sure(d, s), s * np.sqrt(2 * np.log(len(d))))
            else:
                t = s * np.sqrt(2 * np.log(n))
            c[j] = pywt.threshold(d, t, mode)
        out += np.roll(pywt.waverec(c, "sym8", mode="periodization")[:n], -k)
    return out / shifts


def wiener(y, x, noise, ahead, past):
    m = x.mean()
    x = x - m
    taps = past + ahead + 1
    r = np.array([np.sum(x[: len(x) - k] * x[k:]) for k in range(taps)]) / len(x)
    R = r.copy()
    R[0] += noise + 1e-6 * r[0]
    h = solve_toeplitz(R, r[np.abs(np.arange(taps) - ahead)])
    out = np.empty(len(y))
    for t in range(len(y)):  # the mean of the first samples, as far as they are known
        z = np.concatenate([np.full(taps, y[: min(20, t + ahead + 1)].mean()), y, np.full(ahead, y[-20:].mean())]) - m
        out[t] = z[t + ahead + 1 : t + ahead + 1 + taps] @ h[::-1] + m
    return out


def butterworth(y, order, fc, ahead):
    sos = butter(order, 2 * fc, output="sos")
    if ahead is None:
        return sosfiltfilt(sos, y)
    z = np.concatenate([y, np.full(ahead, y[-1])])
    return sosfilt(sos, z, zi=sosfilt_zi(sos) * z[0])[0][ahead:]


def components(y, lam, trend, filtered=False):
    """The random walk of Kalman in statsmodels: measurement variance 1, exact diffuse start."""
    r = sm.tsa.UnobservedComponents(y, "strend" if trend else "llevel", use_exact_diffuse=True).smooth([1, 1 / lam])
    return (r.filtered_state if filtered else r.smoothed_state)[0]


def haar(y, levels, rule, sigma):
    """Undecimated Haar shrinkage: PyWavelets takes the signal apart and puts it together again."""
    pad, size = 1 << levels, 1 << levels
    z = np.concatenate([np.full(pad, y[0]), y, np.full(pad + -(len(y) + 2 * pad) % size, y[-1])])
    c = pywt.swt(z, "haar", level=levels, norm=True, trim_approx=True)
    for i in range(1, levels + 1):
        j = levels - i + 1
        # PyWavelets' window of 2^j starts at its index, ours ends there.
        d = np.roll(c[i], (1 << j) - 1)[pad:]
        lim, shrunk = 0.0, np.zeros_like(d)
        s = sigma * 2 ** (-j / 2)  # norm=True: the coefficients together have the energy of the signal
        for t in range(len(d)):
            shrunk[t] = np.sign(d[t]) * max(0, abs(d[t]) - lim)
            if t + 1 in (32, 64, 128, 256):
                seen = d[: t + 1]
                top = s * np.sqrt(2 * np.log(256))
                if rule == "bayes":
                    p = np.mean(seen**2) - s**2
                    lim = min(top, s * s / np.sqrt(p)) if p > 0 else top
                else:
                    u = np.abs(seen) / s
                    grid = np.arange(27) / 8
                    risk = [np.sum(np.minimum(u, g) ** 2) - 2 * np.sum(u <= g) for g in grid]
                    lim = min(top, s * grid[int(np.argmin(risk))])
        full = np.zeros_like(c[i])
        full[pad:] = shrunk
        c[i] = np.roll(full, -((1 << j) - 1))
    return pywt.iswt(c, "haar", norm=True)[pad : pad + len(y)]


def cases(y):
    yield "moving_average:w=7", uniform_filter1d(y, 7, mode="nearest")
    yield "moving_average:w=4", uniform_filter1d(y, 4, mode="nearest")
    yield "moving_average:w=61", uniform_filter1d(y, 61, mode="nearest")
    yield "ema:a=0.3", lfilter([.3], [1, -.7], y, zi=[.7 * y[0]])[0]
    yield "savitzky_golay:w=9,p=2", savgol_filter(y, 9, 2, mode="interp")
    yield "savitzky_golay:w=41,p=4", savgol_filter(y, 41, 4, mode="interp")
    yield "median:w=5", median_filter(y, size=5, mode="nearest")
    yield "median:w=8", median_filter(y, size=8, mode="nearest")
    yield "hampel:w=7,t=3", hampel(y, 7, 3)
    yield "hampel:w=13,t=2", hampel(y, 13, 2)
    yield "kalman:model=trend,lambda=31.6", smoother_banded(y, 31.6)
    yield "kalman:model=trend,lambda=1e6", smoother_banded(y, 1e6)
    yield "kalman:model=level,lambda=10", smoother(y, 10, 1)
    yield "kalman:model=trend,lambda=10,l=5", fixed_lag(y, 10, 2, 5)
    yield "kalman:model=trend,lambda=1000,l=0", fixed_lag(y, 1000, 2, 0)
    yield "kalman:model=level,lambda=3,l=2", fixed_lag(y, 3, 1, 2)
    yield "wavelet:level=4,rule=bayes,mode=soft", wavelet(y, 4, "bayes", "soft", 8)
    yield "wavelet:level=3,rule=sure,mode=soft", wavelet(y, 3, "sure", "soft", 8)
    yield "wavelet:level=7,rule=universal,mode=hard,shifts=3", wavelet(y, 7, "universal", "hard", 3)
    yield "kalman:model=level,lambda=5", components(y, 5, False)
    yield "kalman:model=trend,lambda=200", components(y, 200, True)
    yield "kalman:model=level,lambda=5,l=0", components(y, 5, False, filtered=True)
    yield "kalman:model=trend,lambda=200,l=0", components(y, 200, True, filtered=True)
    yield "butterworth:order=1,fc=0.2", butterworth(y, 1, .2, 0)
    yield "butterworth:order=2,fc=0.1,l=2", butterworth(y, 2, .1, 2)
    yield "butterworth:order=5,fc=0.3,l=9", butterworth(y, 5, .3, 9)
    yield "butterworth:order=8,fc=0.02,l=0", butterworth(y, 8, .02, 0)
    yield "butterworth:order=1,fc=0.05,l=full", butterworth(y, 1, .05, None)
    yield "butterworth:order=4,fc=0.1,l=full", butterworth(y, 4, .1, None)
    yield "butterworth:order=7,fc=0.25,l=full", butterworth(y, 7, .25, None)
    yield "haar:level=2,rule=bayes,sigma=0.4", haar(y, 2, "bayes", .4)
    yield "haar:level=4,rule=sure,sigma=0.4", haar(y, 4, "sure", .4)
    yield "median:w=7", medfilt(y, 7), 3


out = {"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "pywt": pywt.__version__,
                    "statsmodels": statsmodels.__version__}, "signals": []}
for n, seed in ((75, 1), (250, 2)):
    x, y = signal(n, seed)
    s = {"clean": x.tolist(), "noisy": y.tolist(), "filters": [], "wiener": []}
    for name, z, *edge in cases(y):
        s["filters"].append({"filter": name, "want": np.round(z, 11).tolist(), **({"edge": edge[0]} if edge else {})})
    for ahead, past in ((4, 20), (0, 9)):
        s["wiener"].append({"noise": .16, "lookahead": ahead, "taps": past + ahead + 1,
                            "want": np.round(wiener(y, x, .16, ahead, past), 11).tolist()})
    out["signals"].append(s)
json.dump(out, sys.stdout, separators=(",", ":"))
sys.stdout.write("\n")
