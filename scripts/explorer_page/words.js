// Numbers and sentences for a reader.

const brief = x => x === 0 ? '0' : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? power(Math.log10(Math.abs(x))) : Number(x.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 6 });
const SUPER = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' };
const power = k => k === 0 ? '1' : `10${[...String(Math.round(k))].map(c => SUPER[c]).join('')}`;
const sentence = text => text && `${text.startsWith('lr ') ? text : text[0].toUpperCase() + text.slice(1)}.`;
const layersOf = n => n === 1 ? 'one layer' : `${n} layers`;

const LABELS = {
  kaiming: 'kaiming (He)', xavier: 'xavier (Glorot)', lecun: 'lecun', normal: 'normal, 0.01', orthogonal: 'orthogonal',
  torch_default: 'torch_default', critical: 'critical', mean_field: 'mean_field',
};
const SHORT = { kaiming: 'He', xavier: 'Xavier', normal: '0.01', torch_default: 'torch', critical: 'critical' };
const EXAMPLES = [
  ['N(0, 0.01²), 20 layers', { act: 'relu', init: 'normal', depth: 20, width: 256, opt: 'sgd', lr: 0.1 }],
  ['Sigmoid, 5 layers', { act: 'sigmoid', init: 'xavier', depth: 5, width: 256, opt: 'sgd', lr: 0.1 }],
  ['ReLU as torch draws it', { act: 'relu', init: 'torch_default', depth: 20, width: 256, opt: 'sgd', lr: 0.01 }],
  ['ReLU as He drew it', { act: 'relu', init: 'kaiming', depth: 20, width: 256, opt: 'sgd', lr: 0.01 }],
  ['tanh in chaos', { act: 'tanh', init: 'mean_field', sigmaW: 2.5, sigmaB: 0.05, depth: 20, width: 256, opt: 'sgd', lr: 0.01 }],
  ['tanh at the edge of chaos', { act: 'tanh', init: 'critical', depth: 20, width: 256, opt: 'sgd', lr: 0.02 }],
];

// Where q -> V(q) leads from q: a fixed point, nothing, or beyond all bounds; and in how many layers.
function journey(phi, point, q) {
  const chi = at => point.sigmaW ** 2 * momentsAt(phi, at).slopeSquare;
  for (let i = 0; i < 400; i++) {
    const next = qMap(phi, point, q);
    if (next < 1e-9 || next > 1e9) return { end: next < 1 ? 'fades' : 'grows', q: next, chi: chi(next), factor: Math.sqrt(next / q), layers: i };
    if (Math.abs(next - q) <= 5e-4 * next) return { end: 'settles', q: next, chi: chi(next), factor: 1, layers: i };
    q = next;
  }
  return { end: 'settles', q, chi: chi(q), factor: 1, layers: 400 };
}

function lesson(setting, point, first) {
  const phi = PHI[setting.act], way = journey(phi, point, first);
  const stairs = 'A layer makes of a signal of one std a signal of another: the curve. Up to it, across to the diagonal, up again. ';
  if (phi.kink !== undefined && point.sigmaB === 0) {
    const factor = Math.sqrt(way.chi);
    if (Math.abs(factor - 1) < 0.005) return `${stairs}Of ${setting.act} it is a straight line, and here it lies on the diagonal: whatever comes in comes out, through any number of layers, and so does the gradient on its way back.`;
    return `${stairs}Of ${setting.act} it is a straight line: every layer multiplies the std by ${brief(factor)}, and on the way back the gradient by as much. ${setting.depth} layers make that ${brief(factor ** setting.depth)}.`;
  }
  const back = Math.sqrt(way.chi), half = Math.round(Math.LN2 / Math.abs(Math.log(back)));
  const says = back < 0.98 ? `There a layer multiplies the gradient on its way back by ${Number(back.toPrecision(3))}: it halves every ${layersOf(Math.max(half, 1))}, and two images become one. Order.`
    : back > 1.02 ? `There a layer multiplies the gradient on its way back by ${Number(back.toPrecision(3))}: it doubles every ${layersOf(Math.max(half, 1))}, and two images that were nearly alike part. Chaos.`
      : 'There the gradient neither fades nor grows, however many layers: the edge of chaos.';
  if (way.end === 'fades') return `${stairs}Here the curve lies below the diagonal: at each stair the signal is smaller, in the end ${brief(way.factor)} times a layer, until nothing is left of it.`;
  if (way.end === 'grows') return `${stairs}Here the curve lies above the diagonal: at each stair the signal is larger, in the end ${brief(way.factor)} times a layer, without end.`;
  return `${stairs}They meet at std ${brief(Math.sqrt(way.q))}, reached ${way.layers >= 100 ? 'slowly' : `in ${layersOf(Math.max(way.layers, 1))}`}. ${says}`;
}
