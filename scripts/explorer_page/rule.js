// The verdict: initlab.forecasting, in its words.

const [TRAINS, NOT, UNSURE] = RULE.words;

// A number as Python's format has it: "g" of so many digits, and with thousands marked.
function g(x, digits = 6) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf';
  if (x === 0) return '0';
  const tie = new RegExp(`^-?\\d\\.?\\d{${digits - 1}}50*e`);              // half way: to the even digit, not up
  if (tie.test(x.toExponential(60)) && Number(x.toExponential(60).replace(/[-.]/g, '')[digits - 1]) % 2 === 0) x *= 1 - 1e-15;
  const [number, power] = x.toExponential(digits - 1).split('e'), exponent = Number(power);
  if (exponent >= -4 && exponent < digits) return String(Number(x.toFixed(digits - 1 - exponent)));
  return `${Number(number)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
const whole = x => Math.round(x).toLocaleString('en-US', { maximumFractionDigits: 0 });
const rounded = x => Number(x.toPrecision(1));
const log10 = x => x > 0 ? Math.log10(x) : -Infinity;

const bounded = act => act === 'tanh' || act === 'sigmoid';
const kindOf = opt => opt === 'adam' ? 'adam' : 'sgd';
const momentumOf = opt => opt === 'momentum' ? RULE.momentum : 0;
const limitsOf = (kind, isBounded) => isBounded && RULE.bounded[kind] || [RULE.lost[kind], RULE.gained[kind]];

function shareInWords(decades) {
  if (!Number.isFinite(decades)) return decades < 0 ? '0 where it should be near' : 'not finite, far beyond';
  if (Math.abs(decades) < 0.02) return 'as large as';
  if (decades >= -1.5 && decades <= 2) return `${g(10 ** decades, 2)} times`;
  return `10^${decades.toFixed(Math.abs(decades) >= 10 ? 0 : 1)} ${decades < 0 ? 'of' : 'times'}`;
}
function plain(decades) {
  const value = rounded(10 ** decades);
  return value >= 1e-3 && value < 1e3 ? g(value) : value >= 1 ? whole(value) : `10^${g(decades)}`;
}
function limitInWords(word, decades, low, high, kind) {
  const who = kind === 'adam' ? 'Adam' : 'SGD', small = decades - low < high - decades;
  if (word === TRAINS) return ` (${who} copes with ${plain(low)} to ${plain(high)} times)`;
  const end = small ? `(${who} needs 10^${g(low)} or more)` : `(${who} copes with 10^${g(high)} at most)`;
  if (word === UNSURE) return `, near the ${small ? 'smallest' : 'largest'} that trains ${end}`;
  return `, too ${small ? 'small' : 'large'} to learn from ${end}`;
}
const rateInWords = lr => lr < 1 || !Number.isFinite(lr) ? g(lr, 1) : lr < 1e6 ? whole(rounded(lr)) : lr.toExponential(0).replace(/e\+(\d)$/, 'e+0$1');
function timesInWords(larger, smaller) {
  const x = smaller > 0 ? larger / smaller : Infinity;
  if (x >= 1e6) return Number.isFinite(x) ? `10^${Math.log10(x).toFixed(0)}` : 'far more than 10^300';
  return x < 1.95 ? x.toFixed(1) : x < 100 ? x.toFixed(0) : whole(rounded(x));
}

// With a suitable learning rate: is log10(first gradient / last) within the limits?
function judge(decades, kind, isBounded) {
  const [low, high] = limitsOf(kind, isBounded), inside = Math.min(decades - low, high - decades);
  let word = Math.abs(inside) < RULE.edge ? UNSURE : inside > 0 ? TRAINS : NOT;
  const why = `the first layer's gradient is ${shareInWords(decades)} the last one's${limitInWords(word, decades, low, high, kind)}`;
  if (word === NOT && isBounded && judge(decades, kind, false).word !== NOT) word = UNSURE;
  return { word, why, record: RULE.records[kind].any_rate, rate: word === NOT ? '' : RULE.suitable, other: null };
}

// initlab.forecasting.rates: by how much one step moves two inputs apart, and changes the weights.
function windowOf(layers, setting) {
  const kind = kindOf(setting.opt), isBounded = bounded(setting.act), momentum = momentumOf(setting.opt), count = layers.length;
  const slopes = new Array(count).fill(1), scatter = sumOf(new Array(setting.depth).fill(1 / setting.width));
  for (let i = count - 2; i >= 0; i--) slopes[i] = slopes[i + 1] * layers[i].gainBack * layers[i].fanOut / layers[i + 1].fanOut;
  let share = 0, moved = 0, push = 0;
  layers.forEach((layer, i) => {
    const square = i ? layers[i - 1].after : mean(RULE.inputs.squares), apart = layer.distance * layer.square / layer.weight;
    const size = Math.sqrt(layer.weight) * (1 + Math.sqrt(layer.fanOut / layer.fanIn));
    const alike = Math.max(square - apart, 0), shared = layer.fanIn * alike + 1;
    const step = kind === 'adam' ? Math.sqrt(layer.fanIn * layer.fanOut) : Math.sqrt(shared * slopes[i]);
    share += step / size;
    const differs = Math.sqrt(layer.distance * layer.square);
    if (i < count - 1) push += kind === 'adam' ? layer.fanIn * Math.sqrt(alike) / Math.max(differs, 1) : shared * Math.sqrt(slopes[i]) / differs;
    moved += kind === 'adam' ? step / size / count : layer.fanIn * apart * slopes[i];
  });
  const high = 10 ** RULE.too_large[kind][isBounded ? 1 : 0] * ((1 + momentum) / (share * scatter));
  const far = 10 ** RULE.too_far[kind][isBounded ? 1 : 0] * ((1 - momentum) / push);
  return {
    low: 10 ** RULE.too_small[kind] / RULE.record_steps * ((1 - momentum) / moved), high: Math.min(high, far), kind,
    large: far < high ? `what the inputs share moves its units until they ${isBounded ? 'saturate' : 'die'}`
      : isBounded ? 'it saturates and stays there' : 'it diverges',
  };
}
const smallBy = (window, lr, steps = RULE.record_steps) => log10(window.low * RULE.record_steps / Math.max(steps, 1) / lr) / RULE.edge_small[window.kind];
const largeBy = (window, lr) => (log10(lr) - log10(window.high)) / RULE.edge_large;
function nearest(window, lr) {            // the round learning rate that clearly trains
  const low = window.low * 10 ** RULE.edge_small[window.kind], high = window.high * 10 ** -RULE.edge_large;
  if (!(low < high && high < Infinity)) return null;
  const wanted = clip(lr, low, high), decade = Math.floor(Math.log10(wanted));
  const rounds = RULE.digits.flatMap(digit => [-1, 0, 1].map(more => Number(`${digit}e${decade + more}`))).filter(rate => rate > low && rate < high);
  return rounds.reduce((best, rate) => best === null || Math.abs(Math.log(rate / wanted)) < Math.abs(Math.log(best / wanted)) ? rate : best, null);
}
function judgeRate(found, window, setting) {
  if (found.word === NOT) return found;
  const lr = setting.lr, small = smallBy(window, lr), large = largeBy(window, lr), later = RULE.record_steps * Math.max(RULE.run_steps / RULE.record_steps, 1) ** 2;
  const other = found.word === TRAINS ? nearest(window, lr) : null;
  const none = window.high < window.low && window.low < Infinity
    && `no learning rate suits it: too small below ${rateInWords(window.low)}, too large above ${rateInWords(window.high)}`;
  const at = (word, why, more = other) => ({ word, why: none || why, record: RULE.records[window.kind].of_rate, rate: `at lr ${g(lr)}`, other: more });
  if (large > 1) return at(NOT, `${window.large}, as lr is about ${timesInWords(lr, window.high)} times too large`);
  if (small > 1 && smallBy(window, lr, later) > 1) {
    return at(NOT, window.low < Infinity ? `lr is about ${timesInWords(window.low, lr)} times too small to learn from in ${RULE.record_steps} steps`
      : 'two different inputs get the same output, so no step can tell them apart');
  }
  if (large > -1) return at(UNSURE, `lr is near the largest that trains, about ${rateInWords(window.high)}`);
  if (small > 1) return at(UNSURE, `lr is small for ${RULE.record_steps} steps, and the evidence has no longer runs`);
  if (small > -1) return at(UNSURE, `lr is near the smallest that trains in ${RULE.record_steps} steps, about ${rateInWords(window.low)}`);
  return at(found.word, found.why, null);
}

function deathsIn(layers, kind) {
  const hidden = layers.slice(0, -1), order = [...hidden.keys()], found = [], low = RULE.lost[kind], high = RULE.gained[kind];
  if (hidden.length < 2) return '';
  const sizes = hidden.map(l => Math.sqrt(l.square * l.distance));
  for (const [what, decades, way] of [
    ['what tells two inputs apart', sizes.map(s => log10(s / sizes[0])), order],
    ['the gradient on its way back', hidden.map(l => log10(Math.sqrt(l.backward))), [...order].reverse()],
  ]) {
    const lost = way.find(i => decades[i] < low), grown = way.find(i => decades[i] > high);
    if (lost !== undefined) found.push(`${what} is down to 1/${whole(10 ** -low)} at layers.${lost}`);
    if (grown !== undefined) found.push(`${what} has grown ${whole(10 ** high)} times at layers.${grown}`);
  }
  return found.join('; ');
}

function forecast(setting) {
  const layers = propagate(setting), kind = kindOf(setting.opt), isBounded = bounded(setting.act), depth = setting.depth;
  const decades = log10(Math.sqrt(layers[0].backward));
  let repelled = false, lost = false, amplified = 0;
  layers.forEach((layer, i) => {
    repelled ||= i > 0 && layers[i - 1].growth > RULE.repels;
    lost ||= repelled && Math.sqrt(layer.spread) > RULE.unstable || layer.tails > RULE.tails;
    const unstable = lost || Math.sqrt(layer.spread) > RULE.widest, wide = Math.exp(Math.sqrt(layer.spread));
    layer.std = Math.sqrt(unstable ? layer.square : layer.typical);
    layer.low = unstable ? null : layer.std / wide;
    layer.high = unstable ? null : layer.std * wide;
    layer.grad = Math.sqrt(layer.backward);
    if (i < depth && Number.isFinite(layer.growth)) amplified += Math.log10(Math.max(layer.growth, 1));
  });
  let verdict = judge(decades, kind, isBounded);
  const unstable = layers.some(layer => layer.low === null)
    && [0.5, 2].some(scale => judge(decadesOf(setting, scale), kind, isBounded).word !== verdict.word);
  const window = windowOf(layers, setting);
  verdict = judgeRate(verdict, window, setting);
  if (unstable || verdict.word === TRAINS && amplified > RULE.unstable_gain)
    verdict = { ...verdict, word: UNSURE, why: `unstable: a signal that begins a little larger or smaller ends otherwise; ${verdict.why}` };
  let carries = 0, sum = 0;
  for (let i = 0; i < depth; i++) {
    if (judge(sum, kind, isBounded).word === TRAINS) carries = i + 1;
    sum += log10(Math.sqrt(layers[i].gainBack));
  }
  const headline = verdict.rate ? `${verdict.word} ${verdict.rate}` : verdict.word, last = layers[depth];
  return {
    layers, decades, verdict: { ...verdict, headline, says: `${headline}: ${verdict.why}` }, window, carries, dies: deathsIn(layers, kind),
    chi: depth > 1 ? layers[depth - 2].gainBack : NaN, logitStd: Math.sqrt(last.square * last.distance),
  };
}
