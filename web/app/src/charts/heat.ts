// A picture of densities over time, in colours whose lightness rises evenly and that
// are told apart with any colour vision (after cividis: Nuñez, Anderton and Renslow, 2018).

const stops = [[0, 32, 77], [58, 72, 107], [112, 113, 115], [168, 158, 117], [226, 205, 95], [255, 234, 70]];
const table = new Uint8Array(256 * 3);
for (let i = 0; i < 256; i++) {
  const at = (i / 255) * (stops.length - 1), k = Math.min(Math.floor(at), stops.length - 2), f = at - k;
  for (let c = 0; c < 3; c++) table[i * 3 + c] = stops[k][c] + f * (stops[k + 1][c] - stops[k][c]);
}

export interface Scale { lo: number; hi: number }

/** paint draws columns of densities, lowest frequency at the foot, and returns the scale in dB that it took. */
export function paint(cv: HTMLCanvasElement, columns: Float64Array[], scale?: Scale): Scale {
  const w = columns.length, n = columns[0]?.length ?? 0;
  if (!w || !n) return scale ?? { lo: 0, hi: 1 };
  const db = columns.map((c) => Array.from(c, (v) => 10 * Math.log10(v + 1e-300)));
  const s = scale ?? range(db.flat());
  cv.width = w;
  cv.height = n - 1;
  const ctx = cv.getContext("2d")!, img = ctx.createImageData(w, n - 1);
  for (let x = 0; x < w; x++) {
    for (let k = 1; k < n; k++) {
      const at = Math.max(0, Math.min(255, Math.round(((db[x][k] - s.lo) / (s.hi - s.lo)) * 255)));
      const p = ((n - 1 - k) * w + x) * 4;
      img.data.set([table[at * 3], table[at * 3 + 1], table[at * 3 + 2], 255], p);
    }
  }
  ctx.putImageData(img, 0, 0);
  return s;
}

/** range leaves out the darkest twentieth, and what lies far below the brightest. */
function range(all: number[]): Scale {
  const v = all.slice().sort((a, b) => a - b);
  const hi = v[Math.floor(v.length * 0.998)], lo = Math.max(v[Math.floor(v.length * 0.05)], hi - 60);
  return { lo, hi: hi > lo ? hi : lo + 1 };
}
