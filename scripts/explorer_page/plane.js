// The plane of (sigma_w, sigma_b): by how many decades the gradient differs between the first and the last layer, the
// corridor in which the rule says that it trains, the critical line, where the schemes lie, and the point.

const [WIDE, HIGH] = [64, 40];            // cells
const extent = act => act === 'sigmoid' ? { w: 14, b: 4 } : { w: 3.5, b: 2 };
const TURNED = ['#9ecbff', '#4a90d9', '#24507d', '#1c2127', '#80372b', '#dd6b4d', '#ffc0a3']; // on a dark page, as in the report

// E[phi^2], E[phi'^2] on a grid of log q, for the ground alone.
const [LOW, HIGHEST, STEP] = [-12, 16, 0.25];
const coarse = phi => kept(`coarse ${phi.name}`, () => {
  const grid = Array.from({ length: (HIGHEST - LOW) / STEP + 1 }, (_, i) => momentsAt(phi, Math.exp(LOW + i * STEP)));
  return [grid.map(m => Math.log(m.square)), grid.map(m => Math.log(m.slopeSquare))].map(list => Float64Array.from(list));
});
function decadesAt(phi, sigmaW, sigmaB, depth) {
  const w2 = sigmaW ** 2, b2 = sigmaB ** 2, input = mean(RULE.inputs.squares), last = (HIGHEST - LOW) / STEP;
  if (phi.kink !== undefined) return (depth - 1) * Math.log10(w2 * (1 + phi.kink ** 2) / 2) / 2;
  const [squares, slopes] = coarse(phi);
  let q = Math.log(w2 * input + b2), sum = 0;
  for (let i = 1; i < depth; i++) {
    const at = clip((q - LOW) / STEP, 0, last - 1e-9), k = Math.floor(at), share = at - k, beyond = q - clip(q, LOW, HIGHEST);
    sum += slopes[k] + share * (slopes[k + 1] - slopes[k]);
    q = Math.log(w2 * Math.exp(squares[k] + share * (squares[k + 1] - squares[k]) + (phi.line === 0 && q > 0 ? 0 : beyond)) + b2);
  }
  return (sum + (depth - 1) * Math.log(w2)) / Math.LN10 / 2;
}

const SPAN = 8;                           // decades to either side at which the colour is full
function colourAt(decadesHere) {
  const stops = dark() ? TURNED : RULE.diverging, at = clip((decadesHere + SPAN) / (2 * SPAN), 0, 1) * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
  return mixed(stops[i], at - i, mixed(stops[i + 1], 0, [0, 0, 0]));
}
function paint(canvas, width, height, at) {
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext('2d'), image = pen.createImageData(width, height);
  for (let j = 0; j < height; j++) for (let i = 0; i < width; i++) image.data.set([...colourAt(at(i, j)), 255], 4 * (j * width + i));
  pen.putImageData(image, 0, 0);
}

let ground = { key: '' };                 // what was painted: it changes with the network, not with the point
function groundOf(setting) {
  const key = [setting.act, setting.depth, kindOf(setting.opt), document.documentElement.dataset.theme].join();
  if (ground.key === key) return ground;
  const phi = PHI[setting.act], size = extent(setting.act), limits = limitsOf(kindOf(setting.opt), bounded(setting.act));
  const w = i => size.w * (i + 0.5) / WIDE, b = j => size.b * (HIGH - j - 0.5) / HIGH;
  const cells = Array.from({ length: HIGH }, (_, j) => Float64Array.from({ length: WIDE }, (_, i) => decadesAt(phi, w(i), b(j), setting.depth)));
  paint(document.getElementById('ground'), WIDE, HIGH, (i, j) => cells[j][i]);
  paint(document.getElementById('scale'), 160, 1, i => SPAN * (i / 80 - 1));
  const edges = limits.map(limit => cells.map((row, j) => {       // where a row crosses it, from the left
    const i = row.findIndex(v => v > limit);
    if (i < 0) return [1.1 * size.w, b(j)];
    return [i ? w(i - 1) + (limit - row[i - 1]) / (row[i] - row[i - 1]) * (w(i) - w(i - 1)) : 0, b(j)];
  }).reverse());
  ground = { key, edges: edges.map(edge => [[edge[0][0], 0], ...edge, [edge[HIGH - 1][0], size.b]]), line: critical(phi, size) };
  return ground;
}
const critical = (phi, size) => kept(`critical ${phi.name}`, () => {
  if (phi.kink !== undefined) return [[Math.sqrt(2 / (1 + phi.kink ** 2)), 0], [Math.sqrt(2 / (1 + phi.kink ** 2)), size.b]];
  const points = [];
  for (let i = 0; i <= 600; i++) {
    const point = criticalAt(phi, Math.exp(-9 + i * 0.03));
    if (point && point.sigmaB <= 1.1 * size.b) points.push([point.sigmaW, point.sigmaB]);
  }
  return points;
});

function sides(line, sx, sy, size) {      // which side of the line is which
  const [w] = line.reduce((best, p) => Math.abs(p[1] - 0.72 * size.b) < Math.abs(best[1] - 0.72 * size.b) ? p : best);
  return [['order', -1, 'end'], ['chaos', 1, 'start']].map(([word, side, anchor]) =>
    `<text class="halo" fill="var(--ink)" font-size="13" font-style="italic" text-anchor="${anchor}" x="${f1(sx(w) + 14 * side)}" y="${f1(sy(0.72 * size.b))}">${word}</text>`).join('');
}

const NAMED = ['normal', 'torch_default', 'xavier', 'kaiming', 'critical'];
function drawPlane(setting, point) {
  const size = extent(setting.act), width = widthOf('plane'), here = groundOf(setting);
  const placed = [];
  const at = chart('plane', clip(0.8 * width, 250, 400), {
    bare: true,
    says: `The plane of initialisations: you are at sigma_w ${brief(point.sigmaW)}, sigma_b ${brief(point.sigmaB)}`,
    x: { low: 0, high: size.w, ticks: (size.w > 9 ? [0, 2, 4, 6, 8, 10, 12, 14] : [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]).map(v => [v, String(v)]), title: 'σ<tspan dy="3" font-size="9">w</tspan>' },
    y: { low: 0, high: size.b, ticks: (size.b > 3 ? [0, 1, 2, 3, 4] : [0, 0.5, 1, 1.5, 2]).map(v => [v, String(v)]) },
    body: (sx, sy, box) => {
      const [low, high] = here.edges.map(edge => path(edge, sx, sy));
      const names = NAMED.map(init => [SHORT[init], pointOf({ ...setting, init })]).filter(([, p]) => p.sigmaW <= size.w && p.sigmaB <= size.b).map(([name, p]) => {
        const x = sx(p.sigmaW), y = sy(p.sigmaB), free = placed.every(([a, b]) => Math.abs(a - x) > 15 || Math.abs(b - y) > 30);
        placed.push([x, y]);
        return `<path fill="var(--ink)" d="M${f1(x)} ${f1(y - 4.5)}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>`
          + (free ? `<text class="halo" fill="var(--ink)" font-size="11.5" transform="translate(${f1(x + 3)} ${f1(y - 9)}) rotate(-50)">${name}</text>` : '');
      });
      const x = clip(sx(point.sigmaW), box.left, box.right), y = clip(sy(point.sigmaB), box.top, box.bottom);
      return `<g clip-path="url(#in-plane)"><path d="${low}" class="line" stroke="var(--ink)" stroke-width="1.2" stroke-dasharray="2 4"/><path d="${high}" class="line" stroke="var(--ink)" stroke-width="1.2" stroke-dasharray="2 4"/>`
        + `<path d="${path(here.line, sx, sy)}" class="line" stroke="var(--ink)" stroke-width="2"/></g>${sides(here.line, sx, sy, size)}${names.join('')}`
        + `<text class="tick" transform="translate(12 ${f1(sy(size.b / 2))}) rotate(-90)" text-anchor="middle">σ<tspan dy="3" font-size="9">b</tspan></text>`
        + `<g id="point" tabindex="0" role="slider" aria-label="sigma_w and sigma_b" aria-valuemin="0" aria-valuemax="${size.w}" aria-valuenow="${point.sigmaW.toFixed(2)}" aria-valuetext="sigma_w ${point.sigmaW.toFixed(2)}, sigma_b ${point.sigmaB.toFixed(2)}">`
        + `<circle r="22" fill="transparent" cx="${f1(x)}" cy="${f1(y)}"/><circle class="ring" r="10.5" fill="none" stroke="var(--paper)" stroke-width="4" cx="${f1(x)}" cy="${f1(y)}"/><circle r="9" fill="${palette(4)}" stroke="var(--ink)" stroke-width="2" cx="${f1(x)}" cy="${f1(y)}"/></g>`;
    },
  });
  const canvas = document.getElementById('ground'), { box } = at;
  const share = (part, whole) => `${100 * part / whole}%`;              // so that it follows the chart onto paper
  Object.assign(canvas.style, {
    left: share(box.left, box.width), top: share(box.top, box.height), width: share(box.right - box.left, box.width), height: share(box.bottom - box.top, box.height),
  });
  return { box, size };
}
