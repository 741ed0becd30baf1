// Charts: one manner for all of them, in the colours of the theme, drawn again when the theme changes.

const charts = new Map();                 // element -> what makes its traces and layout
const NARROW = 440;                       // pixels of a chart below which labels are shortened
const DASHES = ['solid', 'dot', 'dash', 'longdash', 'dashdot', 'longdashdot'];
const SYMBOLS = ['circle', 'square', 'diamond', 'triangle-up', 'x', 'cross'];
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137],
  [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => document.documentElement.dataset.theme === 'dark';
// Plotly reads a few HTML tags in labels; a layer's name is never one.
const plain = text => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const clipped = (text, most) => text.length <= most ? text : `…${text.slice(1 - most)}`;

function draw(element, make) {
  charts.set(element, make);
  const { traces, layout, says } = make(element.clientWidth || 640);
  element.setAttribute('role', 'img');
  element.setAttribute('aria-label', says);
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

// Okabe and Ito's colours, as in plots/style.py; lighter on a dark page.
function palette(i) {
  const colour = LOOK.colours[i % LOOK.colours.length], hex = parseInt(colour.slice(1), 16);
  return dark() ? `rgb(${[hex >> 16, (hex >> 8) & 255, hex & 255].map(c => Math.round(c + 0.35 * (255 - c))).join(',')})` : colour;
}

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
  std: 'std of the output', grad_std: 'std of the gradient', dead: 'share of dead units', update_ratio: 'update : weight',
};

// The page's colours as they are in plots/style.py; in the dark theme white is the card, and the ends are light.
function colours(quantity) {
  const stops = LOOK.maps[quantity];
  if (typeof stops === 'string' || !dark()) return stops;
  const turned = ['#9ecbff', '#4a90d9', '#24507d', '#1c2127', '#80372b', '#dd6b4d', '#ffc0a3'], light = LOOK.maps.std.map(([, c]) => c);
  return stops.map(([at, c]) => [at, turned[light.indexOf(c)]]);
}

function scaleTicks([low, high], linear) {
  if (linear) return { tickvals: [0, 0.5, 1], ticktext: ['0', '50 %', '100 %'] };
  const every = Math.max(1, Math.ceil((high - low) / 5)), vals = [];
  for (let k = Math.ceil(low); k <= high; k++) if (k % every === 0) vals.push(k);
  return { tickvals: vals, ticktext: vals.map(power) };
}

const mapHeight = layers => Math.min(460, Math.max(120, 20 * layers)) + 78;

// Depth x step, the first layer at the top.
function heatMap(element, picture, quantity, cells, margin) {
  element.style.height = `${mapHeight(picture.layers.length)}px`;
  draw(element, width => {
    const linear = LINEAR.has(quantity), [low, high] = LOOK.scales[quantity], x = edges(picture.steps);
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
      colorscale: colours(quantity),
      colorbar: {
        orientation: 'h', thickness: 7, len: Math.min(1, 230 / Math.max(120, width - margin)), lenmode: 'fraction', x: 1, xanchor: 'right', y: 1,
        yanchor: 'bottom', ypad: 4, outlinewidth: 0, ticks: '', tickfont: { size: 11 }, ...scaleTicks([low, high], linear),
      },
    }];
    const marks = new Set(cells.flat().map(cell => cell.mark));
    if (marks.has('zero')) traces.push(one('zero', dark() ? '#ffffff' : LOOK.zero));  // a dark card is a std of 1
    if (marks.has('broken')) traces.push(one('broken', LOOK.broken));
    const first = cells.map(row => row[0]), at = i => `${picture.layers[i]} ${inWords(first[i], linear)}`;
    return {
      traces,
      says: `${MAPS[quantity]} by layer and step, ${picture.layers.length} layers, steps ${picture.steps[0]} to ${picture.steps[picture.steps.length - 1]}. At the start: ${at(0)}, ${at(first.length - 1)}.`
        + (marks.has('broken') ? ' Some are nan or inf.' : '') + (marks.has('zero') ? ' Some are exactly 0.' : ''),
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

// Five labels at most, whole decades where there are several.
function logTicks(values, span = 0) {
  const known = values.filter(v => v > 0).map(Math.log10), middle = (Math.min(...known) + Math.max(...known)) / 2;
  const half = Math.max(span, 1.1 * (Math.max(...known) - Math.min(...known)), 0.2) / 2, low = middle - half, high = middle + half;
  if (!known.length) return {};
  let ticks = [];
  if (high - low < 1.5) {
    for (let k = Math.floor(low); k <= high; k++) ticks.push(...[1, 2, 5].map(m => m * 10 ** k));
    ticks = ticks.filter(t => Math.log10(t) >= low && Math.log10(t) <= high).slice(0, 5);
  } else {
    const every = Math.ceil((high - low + 1) / 5);
    for (let k = Math.ceil(low); k <= high; k++) if (k % every === 0) ticks.push(10 ** k);
  }
  return { type: 'log', range: [low, high], tickvals: ticks, ticktext: ticks.map(t => high - low < 1.5 ? brief(t) : power(Math.round(Math.log10(t)))) };
}

// An axis of losses: logarithmic where they differ much, and never that of the one number left of a run that diverged.
function lossAxis(values, accuracy = false) {
  const known = values.filter(v => v !== null && v !== undefined);
  if (!known.length) return { range: [0, 1], tickvals: [] };
  return Math.min(...known) > 0 && Math.max(...known) / Math.min(...known) > 50 && !accuracy ? logTicks(known) : calm(values, accuracy);
}

// A dashed line of what guessing gives, with its name.
function chanceLine(at, words, log) {
  return at === undefined ? {} : {
    shapes: [{ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: at, y1: at, line: { color: css('--ink-3'), width: 1, dash: 'longdash' } }],
    annotations: [{ xref: 'paper', x: 1, xanchor: 'right', y: log ? Math.log10(at) : at, yanchor: 'bottom', text: words, showarrow: false, font: { size: 11, color: css('--ink-3') } }],
  };
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
