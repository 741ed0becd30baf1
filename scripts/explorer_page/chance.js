// How far one draw of finite width lies from the mean of all, to first order in 1 / width: initlab.theory.expansion and
// initlab.theory.chance, where the formulas are explained.

const TERMS = 48, LARGEST = 300;

const hermites = new WeakMap();           // h_j(z), orthonormal under N(0, 1), by the nodes
function hermite(z) {
  if (!hermites.has(z)) {
    const rows = [new Float64Array(z.length).fill(1), z];
    for (let j = 1; j + 1 < TERMS; j++) rows.push(z.map((x, i) => (x * rows[j][i] - Math.sqrt(j) * rows[j - 1][i]) / Math.sqrt(j + 1)));
    hermites.set(z, rows);
  }
  return hermites.get(z);
}

const largest = list => { let most = 1e-300; for (const x of list) most = Math.max(most, Math.abs(x)); return most; };
const sumOf = list => { let sum = 0; for (const x of list) sum += x; return sum; };

// What a unit does to two inputs of correlation c: sum over j of f_j g_j c^j, f_j Hermite coefficients; over the sum, or
// the first term. FAMILIES after each other, the last term of each what is behind.
const FAMILIES = ['value', 'square', 'slope', 'both', 'cube'], PER = TERMS + 1;
function expansion(phi, q) {
  const root = Math.sqrt(q), { z, w } = phi.kink === undefined ? nodes(phi, root) : kept('kink', () => panels(ascending(LINEAR), TEN));
  const value = new Float64Array(z.length), slope = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) {
    phi.at(root * z[i]);
    value[i] = VALUE; slope[i] = SLOPE;
  }
  const size = [largest(value), largest(slope)], h = hermite(z), made = new Float64Array(FAMILIES.length * PER);
  for (let i = 0; i < z.length; i++) { value[i] /= size[0]; slope[i] /= size[1]; }
  const square = value.map(x => x * x), steep = slope.map(x => x * x), cube = value.map(x => x * x * x);
  const product = (f, g) => { let sum = 0; for (let i = 0; i < w.length; i++) sum += f[i] * g[i] * w[i]; return sum; };
  const [valueJ, squareJ, steepJ, cubeJ] = [value, square, steep, cube].map(f => h.map(row => product(row, f)));
  const whole = product(value, value), mean = [squareJ[0] ** 2, steepJ[0] ** 2, squareJ[0] * steepJ[0]];
  [[valueJ, valueJ, value, value, whole], [squareJ, squareJ, square, square, mean[0]], [steepJ, steepJ, steep, steep, mean[1]],
    [squareJ, steepJ, square, steep, mean[2]], [cubeJ, valueJ, cube, value, mean[0]]].forEach(([fs, gs, f, g, over], k) => {
    let rest = product(f, g);
    for (let j = 0; j < TERMS; j++) rest -= (made[k * PER + j] = fs[j] * gs[j]);
    made[k * PER + TERMS] = fs === gs ? Math.max(rest, 0) : rest;
    for (let j = 0; j < PER; j++) made[k * PER + j] = over ? made[k * PER + j] / over : +(j === 0 && k < 4);
  });
  return made;
}

// Moments and expansion are smooth functions of log q: computed once at steps of it, then between twelve of them.
const EACH = 8, POINTS = 12, NAMES = ['mean', 'square', 'slopeSquare', 'follows', 'bend', 'followsBack', 'bendBack', 'fourth'];
const BARYCENTRIC = [...Array(POINTS).keys()].map(k => [...Array(k).keys()].reduce((c, i) => -c * (POINTS - 1 - i) / (i + 1), 1));
const tables = new Map();
function row(phi, k) {
  if (!tables.has(phi)) tables.set(phi, new Map());
  const rows = tables.get(phi);
  if (!rows.has(k)) {
    const q = Math.exp(k / EACH), m = moments(phi, q);
    rows.set(k, Float64Array.of(...NAMES.map(name => m[name]), ...expansion(phi, q)));
  }
  return rows.get(k);
}
function between(phi, q, from, to) {      // numbers `from` to `to` of a row
  const at = Math.log(q) * EACH, first = Math.floor(at) - POINTS / 2 + 1, sum = new Float64Array(to - from);
  let whole = 0;
  for (let k = 0; k < POINTS; k++) {
    const here = row(phi, first + k), away = at - first - k, share = away ? BARYCENTRIC[k] / away : 1e300;
    whole += share;
    for (let j = from; j < to; j++) sum[j - from] += share * here[j];
  }
  return sum.map(x => x / whole);
}
function momentsAt(phi, q) {
  if (phi.kink !== undefined || !(q > 0)) return moments(phi, q);
  const found = between(phi, q, 0, NAMES.length);
  return Object.fromEntries(NAMES.map((name, i) => [name, found[i]]));
}
function seriesAt(phi, q, m) {
  const found = phi.kink === undefined ? between(phi, q, NAMES.length, NAMES.length + FAMILIES.length * PER) : kept(phi.name, () => expansion(phi, 1));
  const series = Object.fromEntries(FAMILIES.map((name, i) => [name, found.subarray(i * PER, (i + 1) * PER)])), rest = series.value[TERMS];
  let sum = 0;                            // `last` makes the slope in c at c = 1 q E[phi'^2] / E[phi^2]
  for (let j = 0; j < TERMS; j++) sum += j * series.value[j];
  return { ...series, last: rest > 1e-12 ? Math.max((q * m.slopeSquare / m.square - sum) / rest, TERMS) : 1 };
}
const common = (c, terms) => { let sum = 0; for (let j = TERMS; j > 0; j--) sum = (sum + terms[j]) * c; return sum; };
function correlation(series, c) {
  let sum = 0;
  for (let j = TERMS - 1; j >= 0; j--) sum = sum * c + series.value[j];
  return sum + Math.max(c, 0) ** series.last * series.value[TERMS];
}
function drift(series, c) {
  const cosine = correlation(series, c), skew = series.cube[0] + common(c, series.cube) - cosine;
  return cosine * (0.75 * (sumOf(series.square) - series.square[0]) + 0.25 * common(c, series.square)) - skew;
}

// Of a gamma-distributed number of mean 1 and this variance: mean and variance of its logarithm.
function gammaLog(variance) {
  variance = Math.max(variance, 0);
  if (!(variance > 1e-9)) return [-variance / 2, variance];
  let s = 1 / variance, mean = -Math.log(s), spread = 0;
  for (; s < 12; s++) { mean -= 1 / s; spread += 1 / s / s; }
  const r = 1 / s / s;                    // Stirling's series of digamma and trigamma
  mean += Math.log(s) - 1 / (2 * s) - r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))));
  spread += 1 / s + r / 2 + r / s * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66))));
  return [mean, spread];
}
// E[sqrt(x)]^2 / E[x] of a gamma-distributed x whose logarithm has this variance.
function inSize(variance) {
  if (variance < 1e-6) return 1 - variance / 4;
  let s = (1 + Math.sqrt(1 + 2 * variance)) / (2 * variance), log = -Math.log(s) / 2;
  for (; s < 12; s++) log += Math.log(s / (s + 0.5));
  const r = 1 / s / s;                    // log of Gamma(s + 1/2) / Gamma(s), likewise
  log += Math.log(s) / 2 - (1 / 8 - r * (1 / 192 - r * (1 / 640 - r * (17 / 14336 - r * 31 / 18432)))) / s;
  return Math.exp(2 * log);
}
const few = (spread, batch) => 1 / (1 + (batch - 1) * Math.exp(-spread));

const start = (similarity, overlap) => ({ all: 0, one: 0, shift: 0, mean: similarity, rms: Math.sqrt(Math.min(overlap, 1)) });
const spreadOf = here => Math.max(here.one - here.all, 0);
const kurtosisOf = here => here.tails + 3 * (here.length[1] - 2 - here.tails) / here.units;

function drawn(before, fanIn, fanOut, tails, orthogonal) {
  const length = [before.rms ** 2, 1].map(square => {
    if (!orthogonal) return 2 * square + tails;
    return 2 * Math.max(0, 1 - fanOut / fanIn) * fanIn ** 2 / Math.max((fanIn - 1) * (fanIn + 2), 1) * Math.max(square - 1 / fanIn, 0);
  });
  return { ...before, length, tails, units: fanOut };
}

function pairsOf(here) {                  // three typical correlations, and their weights
  const sigma = Math.sqrt(Math.max(here.rms ** 2 - here.mean ** 2, 1e-12));
  const wide = Math.max(Math.min(Math.sqrt(3), (1 - here.mean) / sigma, (1 + here.mean) / sigma), 1);
  return [[-1, 0.5], [0, wide ** 2 - 1], [1, 0.5]].map(([k, w]) => [clip(here.mean + k * wide * sigma, -1, 1), w / wide ** 2]);
}
const over = (pairs, f) => pairs.reduce((sum, [c, w]) => sum + w * f(c), 0);

function sampled(here, unit) {            // of a batch, of one input
  const { follows: a, followsBack: b, series } = unit;
  return [pairsOf(here), [[1, 1]]].map((pairs, i) => {
    const alike = over(pairs, c => c * c), beyond = here.length[i] - 2 * alike;
    const square = over(pairs, c => common(c, series.square)) + a * a * beyond + (unit.fourth - a * a) * here.tails * alike;
    const slope = over(pairs, c => common(c, series.slope)) + b * b * beyond;
    return { square: Math.max(square, 0), slope: Math.max(slope, 0), both: over(pairs, c => common(c, series.both)) + a * b * beyond };
  });
}

function handedOn(here, unit, r) {
  const { follows: a, bend, series } = unit, [both, one] = sampled(here, unit), n = here.units, pairs = pairsOf(here);
  const [centre, variance] = gammaLog(r * r * both.square / n);
  let shift = r * a * here.shift + (r * bend + a * a * r * (1 - r)) * here.all / 2 + centre;
  shift += r * (bend + a * a - a) * (spreadOf(here) / 2 + kurtosisOf(here) / 6);
  const kept = series.value[1] ** 2 * (1 - (here.length[1] - here.tails) / 2);
  const wander = Math.max(both.square + both.slope - 2 * both.both, 0) * Math.max(here.mean, 0) ** 2 / n;
  const cosine = c => {
    const cos = 1 - r * (1 - correlation(series, c)) + r * (drift(series, c) + kept * c * (1 - c * c) / 2) / n;
    return 1 - (1 - cos) * Math.exp(-wander / 2);
  };
  const moved = over(pairs, c => (r * (1 - correlation(series, c) ** 2)) ** 2);
  const cosines = pairs.map(([c, w]) => [cosine(c), w]);
  return {
    all: Math.min((r * a) ** 2 * here.all + variance, LARGEST),
    one: Math.min((r * a) ** 2 * here.one + gammaLog(r * r * one.square / n)[1], LARGEST),
    shift: clip(shift, -LARGEST, LARGEST),
    mean: clip(over(cosines, c => c), -1, 1),
    rms: Math.min(Math.sqrt(over(cosines, c => c * c) + (1 - kept) * moved / n), 1),
  };
}

// What shows of a layer: mean and variance of the logarithm of its variance over a batch; how alike two inputs are.
function ofABatch(here, batch) {
  const n = here.units, c = here.mean, square = Math.max(here.rms ** 2, c * c), middle = Math.max(1 - c / n, 1e-12);
  const free = (here.length[1] - here.tails) / 2, apart = here.length[1] - here.length[0];
  let noise = 2 * free * ((square - c * c) / n + c * c * (n - 1) / n ** 2) + 2 * (1 - free) * c * c / n ** 2;
  noise += Math.max(apart, 0) / n * few(spreadOf(here), batch);
  noise = Math.min(noise / middle ** 2, 2 / Math.max(n - 1, 1)); // as where each unit is one normal number
  const [centre, variance] = gammaLog(noise + here.tails / n);
  return {
    shift: here.shift + Math.log(middle) + centre,
    spread: here.all + spreadOf(here) * few(spreadOf(here), batch) + variance,
    alike: c * inSize(spreadOf(here) + apart / n),
  };
}
