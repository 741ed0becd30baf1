// An answer as it is typed, read and judged as initlab.lessons.answers does.

const PART = '(\\d+\\.?\\d*(?:e[-+]?\\d+)?|\\.\\d+(?:e[-+]?\\d+)?)';
const FORMS = new RegExp(`^(?:(?<plain>${PART})|10\\^(?<power>-?\\d+)|(?<top>${PART}) ?/ ?(?<bottom>${PART})|(?<cent>${PART}) ?%)$`);

// A number above 0, or null.
function numberOf(text) {
  const found = text.trim().toLowerCase().match(FORMS)?.groups;
  if (!found) return null;
  const value = found.power !== undefined ? Number(`1e${found.power}`) : found.top !== undefined ? Number(found.top) / Number(found.bottom)
    : Number(found.plain ?? found.cent) / (found.cent === undefined ? 1 : 100);
  return value > 0 && value < Infinity ? value : null;
}
// A layer, 'none', or null for what is no answer.
function layerOf(text, last) {
  const place = text.trim().toLowerCase().replace(/^layers\./, '');
  return place === 'none' ? 'none' : /^\d+$/.test(place) && Number(place) <= last ? Number(place) : null;
}
function pointsOf(ask, given) {
  const right = ask.answer;
  if (ask.kind === 'choice') return given === right ? 1 : 0;
  if (ask.kind === 'layer' && (given === 'none' || right === null)) return (given === 'none') === (right === null) ? 1 : 0;
  const off = ask.kind === 'layer' ? Math.abs(given - right) / ask.within : Math.abs(Math.log(given / right)) / Math.log(ask.within);
  return off <= 1 + 1e-9 ? 1 : off <= 2 + 1e-9 ? 0.5 : 0;
}
const short = x => x >= 1e-4 && x < 1e6 ? Number(x.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 8 }) : x.toExponential(2).replace(/\.?0+e/, 'e');
const rightOf = ask => ask.kind === 'choice' ? ask.options[ask.answer] : ask.kind === 'layer' ? (ask.answer === null ? 'none' : `layers.${ask.answer}`) : short(ask.answer);
function howOf(ask) {
  if (ask.kind === 'layer') return `A layer from 0 to ${ask.last}, or none. Right within ${ask.within} layers, half a point within ${2 * ask.within}.`;
  return `A number such as 0.02, 1e-5, 10^-5 or 1/30. Right within a factor of ${ask.within}, half a point within ${Number((ask.within ** 2).toPrecision(2))}.`;
}
