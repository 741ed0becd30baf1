// The recursion over the layers of a network that has not been drawn yet: initlab.theory.recursion, of dense layers
// with a bias, on Fashion-MNIST; and the critical line of initlab.theory.critical.

// Of a weight [fanOut, fanIn] and its bias; as the classes of initlab.init.
const SCHEMES = {
  kaiming: { weight: fanIn => gain => gain / Math.sqrt(fanIn) },
  xavier: { weight: (fanIn, fanOut) => () => Math.sqrt(2 / (fanIn + fanOut)) },
  lecun: { weight: fanIn => () => 1 / Math.sqrt(fanIn) },
  normal: { weight: () => () => RULE.normal_sigma },
  orthogonal: { weight: (fanIn, fanOut) => gain => gain / Math.sqrt(Math.max(fanIn, fanOut)), orthogonal: true },
  torch_default: { weight: fanIn => () => 1 / Math.sqrt(3 * fanIn), bias: fanIn => 1 / Math.sqrt(3 * fanIn), excess: -1.2 },
};
function schemeOf(setting) {
  const plane = point => ({ weight: fanIn => () => point.sigmaW / Math.sqrt(fanIn), bias: () => point.sigmaB });
  if (setting.init === 'mean_field') return plane(setting);
  return setting.init === 'critical' ? plane(RULE.critical[setting.act]) : SCHEMES[setting.init];
}
// Where a scheme lies in the plane: its hidden layers.
function pointOf(setting) {
  const scheme = schemeOf(setting), n = setting.width;
  return { sigmaW: Math.sqrt(n) * scheme.weight(n, n)(PHI[setting.act].gain), sigmaB: scheme.bias?.(n) ?? 0 };
}

const widthsOf = setting => [RULE.num_inputs, ...new Array(setting.depth).fill(setting.width), RULE.num_outputs];
const mean = list => sumOf(list) / list.length;
const unequal = q => mean(q.map(Math.sqrt)) ** 2 / mean(q);
function weighted(groups, value, weight) {
  const total = sumOf(groups.map(weight));
  return total > 0 && Number.isFinite(total) ? sumOf(groups.map(m => value(m) * weight(m))) / total : mean(groups.map(value));
}

function propagate(setting) {
  const phi = PHI[setting.act], widths = widthsOf(setting), { batch, inputs } = RULE, scheme = schemeOf(setting), meanSquare = mean(inputs.squares);
  let groups = inputs.squares.map(square => ({ square })), average = { square: meanSquare };
  let apart = (1 - inputs.similarity) * meanSquare, q = [], qAverage = 0, d = 0, here = null, factors = null;
  let handed = start(inputs.similarity / unequal(groups.map(g => g.square)), inputs.pair_square);
  const layers = [];
  for (let i = 0; i + 1 < widths.length; i++) {
    const fanIn = widths[i], fanOut = widths[i + 1], weight = fanIn * scheme.weight(fanIn, fanOut)(phi.gain) ** 2;
    const offset = (scheme.bias?.(fanIn) ?? 0) ** 2, excess = scheme.excess ?? 0;
    const before = q, qBefore = qAverage;
    if (i) apart = decorrelation(phi, qBefore, d);
    q = groups.map(g => weight * g.square + offset);
    qAverage = weight * average.square + offset;
    let entries = inputs.columns;
    if (i) {
      const unit = {
        follows: weighted(groups, g => g.follows, g => g.square), bend: weighted(groups, g => g.bend, g => g.square),
        followsBack: weighted(groups, g => g.followsBack, g => g.slopeSquare), fourth: average.fourth, series: seriesAt(phi, qBefore, average),
      };
      const share = weighted(groups.map((g, k) => ({ q: q[k], share: q[k] > 0 ? weight * g.square / q[k] : 0 })), g => g.share, g => g.q);
      handed = handedOn(here, unit, share);
      layers[i - 1].growth = share * unit.follows;
      factors = groups.map(g => fanOut * weight / fanIn * g.slopeSquare);
      layers[i - 1].factors = factors;
      layers[i - 1].gainBack = mean(factors);
      entries = 1 + sampled(here, unit)[0].square;
    }
    const ofBias = qAverage > 0 ? offset / qAverage : 0, biasExcess = scheme.bias ? excess : 0;
    const tails = (1 - ofBias) ** 2 * excess * entries / fanIn + ofBias ** 2 * biasExcess;
    here = drawn(handed, fanIn, fanOut, tails, scheme.orthogonal);
    d = qAverage > 0 ? clip(weight * apart / qAverage, 0, 2) : 0;
    groups = [];
    for (const [k, each] of q.entries()) groups.push(k && each - q[k - 1] <= 1e-13 * each ? groups[k - 1] : momentsAt(phi, each));
    average = momentsAt(phi, qAverage);
    const square = mean(q), shown = ofABatch(here, batch), relative = square > 0 ? mean(q.map(each => (each / square - 1) ** 2)) : 0;
    layers.push({
      fanIn, fanOut, weight, square, distance: d, tails, meanAfter: mean(groups.map(g => g.mean)), after: momentsAt(phi, square).square,
      alike: shown.alike * unequal(q), typical: square * Math.exp(shown.shift), spread: shown.spread + relative / batch,
    });
  }
  let chain = groups.map(() => 1);        // E[g_l^2] / E[g_L^2], g_L that of the last hidden layer
  const depth = setting.depth;
  layers[depth - 1].backward = 1;
  for (let i = depth - 2; i >= 0; i--) {
    chain = chain.map((c, k) => c * layers[i].factors[k]);
    layers[i].backward = mean(chain);
  }
  layers[depth].backward = 1 / layers[depth - 1].gainBack;
  return layers;
}

// log10(g_1 / g_L) in layers without end, of inputs that all have the mean square times `scale`.
function decadesOf(setting, scale) {
  const phi = PHI[setting.act], widths = widthsOf(setting), scheme = schemeOf(setting);
  let square = mean(RULE.inputs.squares) * scale, slopeSquare = 0, decades = 0;
  for (let i = 0; i < setting.depth; i++) {
    const weight = widths[i] * scheme.weight(widths[i], widths[i + 1])(phi.gain) ** 2;
    if (i) decades += log10(widths[i + 1] * weight / widths[i] * slopeSquare) / 2;
    ({ square, slopeSquare } = momentsAt(phi, weight * square + (scheme.bias?.(widths[i]) ?? 0) ** 2));
  }
  return decades;
}

// The mean square that a layer hands on: the q-map.
const qMap = (phi, point, q) => point.sigmaW ** 2 * momentsAt(phi, q).square + point.sigmaB ** 2;

// chi = sigma_w^2 E[phi'^2] = 1: s^2 = 1 / E[phi'^2], t^2 = q - s^2 E[phi^2], q along it.
function criticalAt(phi, q) {
  const m = momentsAt(phi, q), weight = 1 / m.slopeSquare, bias = q - weight * m.square;
  return bias < -1e-9 * q ? null : { q, sigmaW: Math.sqrt(weight), sigmaB: Math.sqrt(Math.max(bias, 0)), growth: m.follows * (1 - bias / q) };
}
