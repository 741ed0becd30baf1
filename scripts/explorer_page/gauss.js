// Gaussian integrals of an activation function phi: E[.] over z ~ N(0, 1), as initlab.theory.integrals has them.
// ReLU and its like have closed forms; the rest is a trapezoid sum where phi(sqrt(q) z) is smooth on the scale of z,
// which converges exponentially there, else Gauss-Legendre in panels that crowd around the bend.

const REACH = 8.5, NEAR = 7;              // beyond lie 2e-17, 3e-12 of a normal distribution
const density = z => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);

function legendre(n) {                    // nodes and weights on [-1, 1], by Newton's method
  const nodes = [], weights = [];
  for (let i = 0; i < n; i++) {
    let x = Math.cos(Math.PI * (i + 0.75) / (n + 0.5)), slope = 1;
    for (let k = 0; k < 20; k++) {
      let before = 1, here = x;
      for (let j = 2; j <= n; j++) [before, here] = [here, ((2 * j - 1) * x * here - (j - 1) * before) / j];
      slope = n * (x * here - before) / (x * x - 1);
      x -= here / slope;
    }
    nodes[n - 1 - i] = x;
    weights[n - 1 - i] = 2 / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}
const TEN = legendre(10), EIGHT = legendre(8);

// The normal distribution function: integrated up once on a grid, from there by Taylor's series.
const GRID = 16, FAR = 12, CUMULATIVE = new Float64Array(2 * FAR * GRID + 1);
for (let i = 1; i < CUMULATIVE.length; i++) {
  const middle = (i - 0.5) / GRID - FAR;
  CUMULATIVE[i] = CUMULATIVE[i - 1]
    + TEN.nodes.reduce((sum, x, k) => sum + TEN.weights[k] * density(middle + x / 2 / GRID), 0) / 2 / GRID;
}
function normal(x) {
  if (x >= FAR) return 1;
  if (x <= -FAR) return 0;
  const i = Math.round((x + FAR) * GRID), from = i / GRID - FAR, step = x - from;
  let sum = CUMULATIVE[i], before = 0, here = density(from), power = step;
  for (let k = 1; k < 13; k++) {          // power here: the k-th derivative times step^k / k!
    sum += power * here;
    [before, here] = [here, -(from * here + (k - 1) * before)];
    power *= step / (k + 1);
  }
  return sum;
}

// kink: phi(u) = u for u > 0, kink * u below. pole: distance from the real line at which phi is no longer smooth.
// Of the smooth ones phi is a constant or half a line, plus `part`, which is odd or even. `at` puts both phi(u) and
// phi'(u), which share their work, into VALUE and SLOPE.
let VALUE = 0, SLOPE = 0;
const sigmoid = u => 1 / (1 + Math.exp(-u));
const tanh = u => Math.abs(u) < 0.05 ? Math.tanh(u) : 1 - 2 / (Math.exp(2 * u) + 1);     // half the time of Math.tanh
const linear = kink => ({ kink, at: u => { SLOPE = u > 0 ? 1 : kink; VALUE = SLOPE * u; } });
const PHI = {
  relu: linear(0),
  leaky_relu: linear(RULE.leaky_slope),
  tanh: { pole: Math.PI / 2, line: 0, part: tanh, at: u => { VALUE = tanh(u); SLOPE = 1 - VALUE * VALUE; } },
  sigmoid: { pole: Math.PI, line: 0, part: sigmoid, at: u => { VALUE = sigmoid(u); SLOPE = VALUE * (1 - VALUE); } },
  gelu: { pole: 2, line: 0.5, part: u => u * (normal(u) - 0.5), at: u => { const below = normal(u); VALUE = u * below; SLOPE = below + u * density(u); } },
  silu: { pole: Math.PI, line: 0.5, part: u => u * (sigmoid(u) - 0.5), at: u => { const s = sigmoid(u); VALUE = u * s; SLOPE = s + VALUE * (1 - s); } },
  identity: linear(1),
};
for (const [name, phi] of Object.entries(PHI)) Object.assign(phi, { name, gain: RULE.gains[name] });

const BENDS = [1, 3, 9], LINEAR = [...Array(13).keys()].map(i => REACH * (i - 6) / 6);

function panels(ends, rule) {             // of sorted ends: places, and weights with the density
  const size = rule.nodes.length, z = new Float64Array((ends.length - 1) * size), w = new Float64Array(z.length);
  let at = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const half = (ends[i + 1] - ends[i]) / 2;
    if (!(half > 0)) continue;
    for (let k = 0; k < size; k++, at++) {
      z[at] = ends[i] + half + half * rule.nodes[k];
      w[at] = half * rule.weights[k] * density(z[at]);
    }
  }
  return { z: z.subarray(0, at), w: w.subarray(0, at) };
}
const clip = (x, low, high) => Math.min(Math.max(x, low), high);
const ascending = marks => Float64Array.from(marks).sort();

const sums = new Map();                   // places and weights by their name, as they serve again and again
function kept(name, make) {
  if (!sums.has(name)) sums.set(name, make());
  return sums.get(name);
}
const spaced = (count, reach = REACH) => kept(`${count} ${reach}`, () => {      // a trapezoid sum of so many places on a side
  const step = reach / count, z = Float64Array.from({ length: 2 * count }, (_, i) => (i - count + 0.5) * step);
  return { z, w: z.map(x => step * density(x)) };
});

const SHARP = 40, MOST = 96;              // exp(-SHARP) is left of the eighth-order poles of phi'^4
function nodes(phi, root) {
  const count = 8 * Math.ceil(REACH * Math.max(4, SHARP * root / (2 * Math.PI * phi.pole)) / 8);
  if (count <= MOST) return spaced(count);
  const octave = Math.ceil(Math.log2(root)), marks = [1, 2, 4, 9, 27].map(m => clip(m * 2 ** -octave, 0, REACH));
  return kept(`bend ${octave}`, () => panels(ascending([...LINEAR, 0, ...marks, ...marks.map(m => -m)]), TEN));
}

// Of phi under N(0, q): E[phi], E[phi^2], E[phi'^2]; d log E[phi^2] / d log q and its own derivative, the same of
// phi'^2 (by Stein's lemma); what an excess kurtosis of u adds to E[phi^4].
function moments(phi, q) {
  if (phi.kink !== undefined) {
    const s = phi.kink, half = (1 + s * s) / 2;
    return {
      mean: Math.sqrt(q / 2 / Math.PI) * (1 - s), square: q * half, slopeSquare: half,
      follows: 1, bend: 0, followsBack: 0, bendBack: 0, fourth: (1 + s ** 4) / 2 / half ** 2,
    };
  }
  const root = Math.sqrt(q), { z, w } = nodes(phi, root);
  let mean = 0, square = 0, first = 0, second = 0, slopeSquare = 0, slopeFirst = 0, slopeSecond = 0, fourth = 0;
  for (let i = 0; i < z.length; i++) {
    const x = z[i], x2 = x * x;
    phi.at(root * x);
    const value = VALUE, slope = SLOPE;
    const a = w[i] * value * value, b = w[i] * slope * slope, once = (x2 - 1) / 2, twice = once * once - x2 / 2;
    mean += w[i] * value;
    square += a; first += a * once; second += a * twice;
    slopeSquare += b; slopeFirst += b * once; slopeSecond += b * twice;
    fourth += a * value * value * (x2 * x2 - 6 * x2 + 3);
  }
  const log = (whole, one, two) => whole > 0 ? [one / whole, two / whole - (one / whole) ** 2] : [0, 0];
  const [follows, bend] = log(square, first, second), [followsBack, bendBack] = log(slopeSquare, slopeFirst, slopeSecond);
  return { mean, square, slopeSquare, follows, bend, followsBack, bendBack, fourth: square > 0 ? fourth / 24 / square ** 2 : 0 };
}

// E[(phi(u) - phi(v))^2] / 2 for u, v ~ N(0, q) of correlation 1 - d: u, v = sqrt(q) (a x +- b y), even in y.
function decorrelation(phi, q, d) {
  if (!(q > 0 && d > 0)) return 0;
  if (phi.kink !== undefined) {           // Cho and Saul 2009, phi being a line and a share of |u|
    const s = phi.kink, angle = 2 * Math.asin(Math.sqrt(d / 2));
    const bent = angle < 0.01 ? angle ** 3 / 3 - angle ** 5 / 30 + angle ** 7 / 840 : Math.sin(angle) - angle * Math.cos(angle);
    return q * (((1 + s) / 2) ** 2 * d + ((1 - s) / 2) ** 2 * Math.max(d - 2 / Math.PI * bent, 0));
  }
  if (q * d < 1e-9) return q * d * moments(phi, q).slopeSquare;
  if (phi.line && q ** 1.5 * d > 1e9) return decorrelation(PHI.relu, q, d);
  const root = Math.sqrt(q), a = Math.sqrt(Math.max(1 - d / 2, 0)), b = Math.sqrt(d / 2), { part } = phi;
  const count = wide => 4 * Math.ceil(NEAR * Math.max(1.4, 30 * wide / (2 * Math.PI * phi.pole)) / 4);
  const along = count(root * a), across = count(root * b), even = along * across < 6000 || !phi.line;
  const x = even ? spaced(along, NEAR) : panels(marksAround(root, a, b), EIGHT), y = even ? spaced(across, NEAR) : { z: PLACES, w: SHARES };
  let sum = 0, first = even ? across : 0, last = y.z.length;
  for (let i = even ? along : 0; i < x.z.length; i++) {         // x > 0: on the other side it is the same
    const middle = root * a * x.z[i];
    if (!even) last = crossings(a * x.z[i], b, root);
    let row = 0;
    for (let k = first; k < last; k++) {
      const apart = root * b * y.z[k], difference = part(middle + apart) - part(middle - apart);
      row += y.w[k] * difference * difference;
    }
    sum += x.w[i] * row;
  }
  return phi.line ** 2 * q * d + 2 * sum;
}

// Panels for x > 0, which crowd where phi bends or what the inner integral has smoothed does; and for each x those of y,
// which end where u or v passes a bend.
function marksAround(root, a, b) {
  const marks = BENDS.flatMap(r => [r / root, r * b]).map(m => clip(m / Math.max(a, 1e-3), 0, REACH));
  return ascending([...LINEAR.filter((m, i) => i % 2 === 0 && m >= 0), ...marks]);
}
const ENDS = new Float64Array(12), PLACES = new Float64Array(88), SHARES = new Float64Array(88);
function crossings(x, b, root) {
  ENDS.set([0, 1.5, 3, 5, REACH]);
  let count = 5;
  for (let p = -3; p <= 3; p++) {
    const at = Math.min(Math.abs(x - Math.sign(p) * (p ? BENDS[Math.abs(p) - 1] : 0) / root) / b, REACH);
    let i = count++;
    for (; i > 0 && ENDS[i - 1] > at; i--) ENDS[i] = ENDS[i - 1];
    ENDS[i] = at;
  }
  let at = 0;
  for (let i = 0; i < 11; i++) {
    const half = (ENDS[i + 1] - ENDS[i]) / 2;
    if (!(half > 0)) continue;
    for (let k = 0; k < 8; k++, at++) {
      const z = PLACES[at] = ENDS[i] + half + half * EIGHT.nodes[k];
      SHARES[at] = half * EIGHT.weights[k] * density(z);
    }
  }
  return at;
}
