// Charts: one manner for all of them, in the colours of the theme, drawn again when the theme changes.

const charts = new Map();                 // element -> what makes its traces and layout
const NARROW = 440;                       // pixels of a chart below which labels are shortened
const DASHES = ['solid', 'dot', 'dash', 'longdash', 'dashdot', 'longdashdot'];
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137],
  [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === 'dark';
// Plotly reads a few HTML tags in labels; a layer's name is never one.
const plain = text => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const clipped = (text, most) => text.length <= most ? text : `…${text.slice(1 - most)}`;

function draw(element, make) {
  charts.set(element, make);
  const { traces, layout } = make(element.clientWidth || 640);
  const ink = css('--ink-2'), line = css('--line');
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: true, fixedrange: coarse() };
  const whole = {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true, showlegend: false,
    font: { family: css('--sans'), size: 12, color: ink }, dragmode: coarse() ? false : 'zoom',
    hoverlabel: { font: { family: css('--sans'), size: 12, color: css('--ink') }, bgcolor: css('--card'), bordercolor: line, align: 'left' },
    margin: { l: 52, r: 12, t: 12, b: 40 }, ...layout,
  };
  for (const key of Object.keys(whole)) if (/^[xy]axis/.test(key)) whole[key] = { ...axis, ...whole[key] };
  whole.xaxis ??= axis; whole.yaxis ??= axis;
  return Plotly.react(element, traces, whole, { displayModeBar: false, responsive: true, doubleClick: 'reset' });
}

const coarse = () => matchMedia('(pointer: coarse)').matches;
const redraw = () => { for (const [element, make] of charts) draw(element, make); };

function palette(i) { return css(`--c${i % 7}`); }

function sequential(share) {
  const at = (dark() ? 0.3 + 0.7 * share : 0.85 * share) * (VIRIDIS.length - 1), i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[i].map((c, k) => Math.round(c + (at - i) * (VIRIDIS[i + 1][k] - c))).join(',')})`;
}

function faint(colour, alpha) {
  const probe = document.createElement('canvas').getContext('2d');
  probe.fillStyle = colour;
  const hex = parseInt(probe.fillStyle.slice(1), 16);
  return `rgba(${hex >> 16},${(hex >> 8) & 255},${hex & 255},${alpha})`;
}

// Steps lie on a logarithmic axis, as most happens early: x = log10(1 + step).
const onAxis = step => Math.log10(1 + step);
function stepAxis(steps, width) {
  const last = steps[steps.length - 1], decades = Math.max(1, onAxis(last)), wide = width / decades > 80;
  const least = 46 * decades / width;     // between labels, on the axis
  const ticks = wide ? [0, 1, 3] : [0, 1];
  for (let k = 1; k < 10; k++) ticks.push(10 ** k, ...(wide ? [3 * 10 ** k] : []));
  const shown = ticks.filter(s => s >= steps[0] && onAxis(last) - onAxis(s) > least).concat(last);
  return {
    tickvals: shown.map(onAxis), ticktext: shown.map(s => s.toLocaleString('en')), showgrid: false, zeroline: false, tickangle: 0, ticklabeloverflow: 'allow',
    title: { text: 'step (log scale)', standoff: 6 },
  };
}

function edges(steps) {
  const at = steps.map(onAxis), middles = at.slice(1).map((v, i) => (v + at[i]) / 2), END = 0.15;
  if (!middles.length) return [at[0] - END, at[0] + END];
  const first = Math.min(END, middles[0] - at[0]), last = Math.min(END, at[at.length - 1] - middles[middles.length - 1]);
  return [at[0] - first, ...middles, at[at.length - 1] + last];
}

const MAPS = {
  std: { words: 'std of the output', centre: 0 },
  grad_std: { words: 'std of the gradient', colours: 'Viridis' },
  dead: { words: 'share of dead units', colours: 'Cividis' },
  update_ratio: { words: 'update : weight', centre: -3 },
};

function diverging() {
  return dark()
    ? [[0, '#9ecbff'], [0.2, '#4a90d9'], [0.4, '#24507d'], [0.5, '#1c2127'], [0.6, '#80372b'], [0.8, '#dd6b4d'], [1, '#ffc0a3']]
    : [[0, '#053061'], [0.2, '#3480b9'], [0.4, '#b8d8e9'], [0.5, '#f7f7f5'], [0.6, '#fbc9ae'], [0.8, '#c94741'], [1, '#67001f']];
}

// The limits of the colours for some tables together, so that pictures side by side can be compared.
function limits(quantity, tables) {
  if (LINEAR.has(quantity)) return [0, 1];
  const values = tables.flat(2).map(cell => cell.value), { centre } = MAPS[quantity];
  if (centre !== undefined) {
    const reach = Math.max(2, percentile(values.map(v => v === null ? null : Math.abs(v - centre)), 0.98) ?? 0);
    return [centre - reach, centre + reach];
  }
  const low = percentile(values, 0.01) ?? -1, high = percentile(values, 0.99) ?? 0, short = Math.max(0, 2 - (high - low)) / 2;
  return [low - short, high + short];
}

function scaleTicks([low, high], linear) {
  if (linear) return { tickvals: [0, 0.5, 1], ticktext: ['0', '50 %', '100 %'] };
  const every = Math.max(1, Math.ceil((high - low) / 5)), vals = [];
  for (let k = Math.ceil(low); k <= high; k++) if (k % every === 0) vals.push(k);
  return { tickvals: vals, ticktext: vals.map(power) };
}

const mapHeight = layers => Math.min(460, Math.max(120, 20 * layers)) + 78;

// Depth x step, the first layer at the top.
function heatMap(element, picture, quantity, cells, [low, high], margin) {
  element.style.height = `${mapHeight(picture.layers.length)}px`;
  draw(element, width => {
    const linear = LINEAR.has(quantity), { colours } = MAPS[quantity], x = edges(picture.steps);
    const y = [...picture.layers.keys()], names = shortNames(picture.layers).map(n => plain(clipped(n, width < NARROW ? 14 : 26)));
    const every = Math.ceil(names.length / 22), shown = y.filter(i => i % every === 0);
    const hover = cells.map((row, i) => row.map((cell, j) =>
      `${plain(picture.layers[i])}<br>step ${picture.steps[j].toLocaleString('en')}<br><b>${inWords(cell, linear)}</b>`));
    const base = { type: 'heatmap', x, y, text: hover, hoverinfo: 'text', zsmooth: false, xgap: 0, ygap: names.length > 30 ? 0 : 1 };
    const one = (mark, colour) => ({
      ...base, z: cells.map(row => row.map(cell => cell.mark === mark ? 1 : null)), showscale: false,
      colorscale: [[0, colour], [1, colour]], hoverongaps: false,
    });
    const traces = [{
      ...base, z: cells.map(row => row.map(cell => cell.value)), zmin: low, zmax: high, hoverongaps: false,
      colorscale: colours ?? diverging(),
      colorbar: {
        orientation: 'h', thickness: 7, len: Math.min(1, 230 / Math.max(120, width - margin)), lenmode: 'fraction', x: 1, xanchor: 'right', y: 1,
        yanchor: 'bottom', ypad: 4, outlinewidth: 0, ticks: '', tickfont: { size: 11 }, ...scaleTicks([low, high], linear),
      },
    }];
    const marks = new Set(cells.flat().map(cell => cell.mark));
    if (marks.has('zero')) traces.push(one('zero', css('--zero')));
    if (marks.has('broken')) traces.push(one('broken', css('--broken')));
    return {
      traces,
      layout: {
        margin: { l: margin, r: 22, t: 34, b: 44 }, plot_bgcolor: css('--absent'),
        xaxis: { ...stepAxis(picture.steps, width - margin), range: [x[0], x[x.length - 1]], automargin: false },
        yaxis: { tickvals: shown, ticktext: shown.map(i => names[i]), range: [names.length - 0.5, -0.5], showgrid: false, zeroline: false, ticks: '', automargin: false, tickfont: { size: 11 } },
      },
    };
  });
}

// Of parameters that are all weights the layers' names are enough.
const shortNames = names => names.every(n => n.endsWith('.weight')) ? names.map(n => n.slice(0, -7)) : names;

const marginFor = (names, width) =>
  Math.min(width < NARROW ? 96 : 190, 16 + 6.6 * Math.max(4, ...shortNames(names).map(n => Math.min(n.length, width < NARROW ? 14 : 26))));

function band(x, low, high, colour, more = {}) {
  return { x: [...x, ...[...x].reverse()], y: [...high, ...[...low].reverse()], fill: 'toself', fillcolor: faint(colour, 0.16),
    line: { width: 0 }, mode: 'lines', hoverinfo: 'skip', type: 'scatter', ...more };
}

// An axis on which a figure that hardly changes looks flat: at least a tenth of its size, of an accuracy 5 points.
function calm(values, accuracy) {
  const known = values.filter(v => v !== null && v !== undefined), low = Math.min(...known), high = Math.max(...known);
  const middle = (low + high) / 2, least = accuracy ? 0.05 : 0.1 * Math.abs(middle);
  return known.length && high - low < least ? { range: [middle - 0.6 * least, middle + 0.6 * least] } : {};
}

function logTicks(values) {
  const low = Math.min(...values), high = Math.max(...values), ticks = [];
  const marks = high / low > 1000 ? [1] : [1, 2, 5];
  for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high) + 1; k++) ticks.push(...marks.map(m => m * 10 ** k));
  return { tickvals: ticks, ticktext: ticks.map(brief) };
}

const lastWord = axis => axis.slice(axis.lastIndexOf('.') + 1);

// Elements

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name in element ? (element[name] = value) : element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function chooser(words, options, chosen, changed) {
  const select = make('select', { ariaLabel: words }, ...options.map(([value, text]) => make('option', { value, textContent: text })));
  select.value = chosen;
  select.addEventListener('change', () => changed(select.value));
  return make('label', { className: 'choose' }, make('span', { textContent: words }), select);
}
