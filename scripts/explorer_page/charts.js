// Charts as SVG, as wide as their place, in the colours of the theme.

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === 'dark';
function mixed(colour, share, towards) {
  const hex = parseInt(colour.slice(1), 16);
  return [hex >> 16, (hex >> 8) & 255, hex & 255].map((c, i) => Math.round(c + share * (towards[i] - c)));
}
const palette = i => dark() ? `rgb(${mixed(RULE.colours[i], 0.35, [255, 255, 255])})` : RULE.colours[i];

const widths = new Map();                 // to ask for one after a change costs a layout
function widthOf(id) {
  if (!widths.has(id)) widths.set(id, document.querySelector(`#${id} svg`).clientWidth || 360);
  return widths.get(id);
}
const f1 = x => x.toFixed(1);
// Ticks of a logarithmic axis from 10^low to 10^high, whole decades, five at most.
function decades(low, high) {
  const every = Math.max(1, Math.ceil((high - low) / 5)), ticks = [];
  for (let k = Math.ceil(low); k <= high + 1e-9; k++) if (k % every === 0) ticks.push([k, power(k)]);
  return ticks;
}
function wholes(last) {
  const every = [1, 2, 5, 10].find(step => last / step <= 8), ticks = [];
  for (let i = 0; i <= last; i += every) ticks.push([i, String(i)]);
  return ticks;
}

// {x, y: {low, high, ticks, title}, body: (sx, sy, box) => svg, says}
function chart(id, height, { x, y, body, says, bare = false }) {
  const svg = document.querySelector(`#${id} svg`), width = widthOf(id), box = { left: 46, top: 8, right: width - 8, bottom: height - 40, width, height };
  const sx = v => box.left + (v - x.low) / (x.high - x.low) * (box.right - box.left);
  const sy = v => box.bottom - (v - y.low) / (y.high - y.low) * (box.bottom - box.top);
  const parts = [`<clipPath id="in-${id}"><rect x="${box.left}" y="${box.top - 4}" width="${box.right - box.left + 4}" height="${box.bottom - box.top + 8}"/></clipPath>`];
  for (const [v, text] of y.ticks) parts.push(`${bare ? '' : `<path class="axis" d="M${box.left} ${f1(sy(v))}H${box.right}"/>`}<text class="tick" text-anchor="end" x="${box.left - 7}" y="${f1(sy(v) + 4)}">${text}</text>`);
  for (const [v, text] of x.ticks) parts.push(`<text class="tick" text-anchor="middle" x="${f1(sx(v))}" y="${box.bottom + 18}">${text}</text>`);
  parts.push(`<text class="tick" text-anchor="middle" x="${(box.left + box.right) / 2}" y="${box.bottom + 35}">${x.title}</text>`);
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.setAttribute('aria-label', says);
  svg.innerHTML = `${parts.join('')}<path class="axis" d="M${box.left} ${box.bottom}H${box.right}"/>${body(sx, sy, box)}`;
  return { sx, sy, box };
}
const path = (points, sx, sy) => points.map(([a, b], i) => `${i ? 'L' : 'M'}${f1(clip(sx(a), -1e4, 1e4))} ${f1(clip(sy(b), -1e4, 1e4))}`).join('');

// One number a layer: a line with dots, on a logarithmic axis the band around it.
function overLayers(id, rows, { log, low, high, zone, reference, colour, says }) {
  const of = v => log ? log10(v) : v, last = rows.length - 1;
  const line = rows.map((r, i) => [i, of(r.value)]).filter(([, v]) => Number.isFinite(v));
  chart(id, 230, {
    says,
    x: { low: 0, high: Math.max(last, 1), ticks: wholes(Math.max(last, 1)), title: 'layer' },
    y: { low, high, ticks: log ? decades(low, high) : [0, 0.25, 0.5, 0.75, 1].map(v => [v, String(v)]) },
    body: (sx, sy, box) => {
      const parts = [], banded = rows.map((r, i) => [i, r]).filter(([, r]) => r.low > 0);
      if (zone) parts.push(`<rect class="zone" x="${box.left}" width="${box.right - box.left}" y="${f1(sy(Math.min(zone[1], high)))}" height="${f1(sy(Math.max(zone[0], low)) - sy(Math.min(zone[1], high)))}"/>`);
      if (reference !== undefined) parts.push(`<path class="faint" stroke-dasharray="5 4" d="M${box.left} ${f1(sy(reference))}H${box.right}"/>`);
      if (banded.length > 1) parts.push(`<path class="band" fill="${colour}" d="${path([...banded.map(([i, r]) => [i, of(r.high)]), ...banded.reverse().map(([i, r]) => [i, of(r.low)])], sx, sy)}Z"/>`);
      parts.push(`<path class="line" stroke="${colour}" d="${path(line, sx, sy)}"/>`);
      if (last < 26) parts.push(...line.map(([i, v]) => `<circle fill="${colour}" r="3" cx="${f1(sx(i))}" cy="${f1(sy(v))}"/>`));
      return `<g clip-path="url(#in-${id})">${parts.join('')}</g>`;
    },
  });
}

// At least `least` decades, with a margin.
function span(values, least) {
  const known = values.filter(v => v > 0 && Number.isFinite(v)).map(Math.log10), low = Math.min(...known), high = Math.max(...known);
  const middle = (low + high) / 2, half = Math.max(high - low, least) / 2 * 1.06;
  return [middle - half, middle + half];
}

function drawLayers(found, setting) {
  const { layers } = found, hidden = layers.slice(0, -1), kind = kindOf(setting.opt), zone = limitsOf(kind, bounded(setting.act));
  const stds = layers.map(l => ({ value: l.std, low: l.low, high: l.high })), [low, high] = span(stds.flatMap(r => [r.value, r.low, r.high]), 2);
  const banded = stds.every(r => r.low !== null), end = layers[layers.length - 1];
  overLayers('std', stds, { log: true, low, high, reference: 0, colour: palette(0), says: `std by layer, from ${brief(layers[0].std)} in the first to ${brief(end.std)} in the last` });
  document.getElementById('of-std').textContent = banded
    ? `${brief(layers[0].std)} in the first, ${brief(end.std)} at the outputs. The band holds 95 % of the draws at width ${setting.width}.`
    : `${brief(layers[0].std)} in the first, ${brief(end.std)} at the outputs. No band where one draw cannot be predicted.`;
  const grads = hidden.map(l => ({ value: l.grad })), [down, up] = span([...grads.map(r => r.value), 10 ** zone[0], 10 ** zone[1]], 2);
  overLayers('grad', grads, { log: true, low: down, high: up, zone, colour: palette(1), says: `gradient by layer, ${brief(hidden[0].grad)} of the last hidden layer's in the first` });
  document.getElementById('of-grad').textContent = `${brief(hidden[0].grad)} in the first layer. Within the green the first layer still learns, with a suitable learning rate (${kind === 'adam' ? 'Adam' : 'SGD'}).`;
  const alike = layers.map(l => ({ value: l.alike }));
  overLayers('alike', alike, { low: Math.min(0, ...alike.map(r => r.value)), high: 1, colour: palette(2), says: `similarity of two images by layer, ${end.alike.toFixed(2)} at the outputs` });
  document.getElementById('of-alike').textContent = `1: one and the same. They begin at ${RULE.inputs.similarity.toFixed(2)}; the outputs of two are ${brief(found.logitStd)} apart.`;
}

function drawMap(setting, point, first) {
  const phi = PHI[setting.act], stairs = [first];
  for (let i = 1; i < setting.depth; i++) stairs.push(qMap(phi, point, stairs[i - 1]));
  const std = stairs.map(q => Math.log10(q) / 2), from = std[0];
  const low = Math.max(Math.min(...std, -0.7) - 0.15, from - 3), high = Math.min(Math.max(...std, 0.7) + 0.15, from + 3);
  const curve = [...Array(81).keys()].map(i => low + (high - low) * i / 80).map(x => [x, Math.log10(qMap(phi, point, 10 ** (2 * x))) / 2]);
  const cobweb = [[from, low]];
  for (let i = 0; i + 1 < std.length; i++) cobweb.push([std[i], std[i + 1]], [std[i + 1], std[i + 1]]);
  if (std.length === 1) cobweb.push([from, from]);
  const ticks = high - low > 2.2 ? decades(low, high) : [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].map(v => [Math.log10(v), String(v)]).filter(([v]) => v >= low && v <= high);
  const side = widthOf('map'), end = std[std.length - 1];
  chart('map', clip(side, 240, 400), {
    says: `The q-map: std of a layer's output against that of the layer before, and the way of the signal, from ${brief(10 ** from)} to ${brief(10 ** end)}`,
    x: { low, high, ticks, title: 'std of a layer' }, y: { low, high, ticks },
    body: (sx, sy) => `<g clip-path="url(#in-map)"><path class="faint" d="${path([[low, low], [high, high]], sx, sy)}"/>`
      + `<path class="line" stroke="${palette(0)}" stroke-width="2.5" d="${path(curve, sx, sy)}"/>`
      + `<path class="line" stroke="${palette(1)}" stroke-width="1.6" d="${path(cobweb, sx, sy)}"/>`
      + `<circle fill="${palette(1)}" r="4.5" cx="${f1(sx(from))}" cy="${f1(sy(low))}"/><circle fill="${palette(1)}" r="4.5" cx="${f1(sx(end))}" cy="${f1(sy(end))}"/></g>`
      + `<text class="tick halo" x="${f1(sx(from) + 9)}" y="${f1(sy(low) - 8)}">first layer</text>`
      + `<text class="tick" transform="translate(14 ${f1(sy((low + high) / 2))}) rotate(-90)" text-anchor="middle">of the next</text>`,
  });
}
