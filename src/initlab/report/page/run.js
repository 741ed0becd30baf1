// The page of a run.

function runPage(data, blob) {
  forkCurves(document.getElementById('forks'), data.explained);
  forkSignals(document.getElementById('side'), data.explained, blob);
  epochCurves(document.getElementById('epochs'), data);
  batchLoss(document.getElementById('batches'), data.loss, data.lines);
  signalPictures(document.getElementById('signal'), data.pictures, blob);
  if (data.histograms.entries) valuePictures(document.getElementById('values'), data.histograms, blob);
  for (const [quantity, panel] of Object.entries(data.forecast)) forecastPicture(document.getElementById('forecast'), quantity, panel);
}

// The loss of every fork, of those that do not train in grey; the run as it was and the one with the change in front.
function forkCurves(room, { lines, top }) {
  if (!room || !lines) return;
  const chart = panel(room, 'Loss of each batch, as it was and with each change', room.dataset.note), last = lines.length - 1;
  chart.style.height = '300px';
  draw(chart, () => {
    const look = (line, i) => i === 0 ? [css('--bad'), 2.2] : line.best ? [css('--good'), 2.4] : line.trains ? [faint(palette(2), 0.55), 1.1] : [faint(palette(6), 0.45), 1];
    const rank = (line, i) => (i === 0 ? 2 : line.best ? 3 : line.trains ? 1 : 0), named = new Set();
    const traces = lines.map((line, i) => [line, i]).sort((a, b) => rank(...a) - rank(...b)).map(([line, i]) => {
      const [color, width] = look(line, i), group = ['does not train', 'trains', 'as it was', plain(clipped(line.name, 34))][rank(line, i)], first = !named.has(group);
      named.add(group);
      return { x: line.losses.map((_, step) => step), y: line.losses, type: 'scatter', mode: 'lines', name: group, legendgroup: group, showlegend: first,
        line: { color, width }, text: plain(line.name), hovertemplate: `${plain(line.name)}<br>step %{x}: <b>%{y:.4g}</b><extra></extra>` };
    });
    const best = lines.find(line => line.best), end = line => brief(line.losses.findLast(v => v !== null));
    return { traces, says: `Losses of ${last} changes and of the run as it was, which ends at ${end(lines[0])}${best ? `; with ${best.name} at ${end(best)}` : ''}.`,
      layout: { showlegend: true, legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', xanchor: 'left', font: { size: 12 }, traceorder: 'reversed' }, hovermode: 'closest',
        margin: { l: 48, r: 12, t: 30, b: 42 }, xaxis: { title: { text: 'step', standoff: 6 }, showgrid: false, zeroline: false },
        yaxis: { zeroline: false, ...(top ? { range: [0, top] } : {}) } } };
  });
}

// The std of each layer's output as it was and with the change, in the same colours.
function forkSignals(room, { pictures }, blob) {
  if (!room || !pictures?.length) return;
  const charts = pictures.map(picture => [panel(room, `Std of the output, ${picture.title}`, ''), picture]);
  for (const [chart, picture] of charts) heatMap(chart, picture, 'std', table(blob, picture, false), marginFor(picture.layers, chart.clientWidth));
}

function panel(room, title, note) {
  const chart = make('div', { className: 'chart' });
  room.append(make('figure', {}, make('figcaption', {}, make('b', { textContent: title }), note ? make('span', { textContent: note }) : ''), chart));
  return chart;
}

const MOST_CURVES = 40;
const NAMES = { loss: 'Loss', acc: 'Accuracy', lr: 'Learning rate' };

// A panel a metric, a line a split.
function epochCurves(room, { epochs: columns, lines: chance, names, broken }) {
  if (!room || !columns.epoch) return;
  const metrics = new Map();
  for (const name of Object.keys(columns)) {
    if (name === 'epoch' || (name === 'lr' && new Set(columns.lr).size < 2)) continue;
    const [split, metric] = name.includes('/') ? [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)] : ['', name];
    if (split !== 'test') metrics.set(split === 'error' ? names[name] : metric, [...(metrics.get(metric) ?? []), [split, columns[name]]]);
  }
  const order = ['loss', 'acc'], sorted = [...metrics].sort((a, b) => (order.indexOf(a[0]) + 9) % 9 - (order.indexOf(b[0]) + 9) % 9);
  const x = columns.epoch.map(e => e + 1);
  for (const [metric, lines] of sorted.slice(0, MOST_CURVES)) {
    const title = NAMES[metric] ?? metric[0].toUpperCase() + metric.slice(1), chart = panel(room, title), values = lines.flatMap(l => l[1]);
    chart.style.height = '270px';
    draw(chart, () => {
      const traces = lines.map(([split, y]) => {
        const colour = split === 'val' ? palette(0) : split === 'train' ? css('--ink-3') : palette(2);
        return { x, y, connectgaps: true, type: 'scatter', mode: x.length > 40 ? 'lines' : 'lines+markers', marker: { size: 6 }, name: plain({ train: 'training', val: 'validation' }[split] ?? (split || metric)),
          line: { color: colour, width: split === 'val' ? 2.4 : 1.8, dash: split === 'train' ? 'dash' : 'solid' }, hovertemplate: '%{y:.4g}' };
      });
      const legend = { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', xanchor: 'left', font: { size: 12 } };
      const axis = lossAxis(values, metric === 'acc'), words = { loss: `log(${Math.round(1 / chance.acc)}): guessing`, acc: 'chance' }[metric];
      const first = Math.min(...lines.map(([split]) => broken[`${split}/${metric}`] ?? Infinity)), at = metric === 'loss' && Number.isFinite(first) ? first : 0;
      const last = lines.map(([split, y]) => `${split || metric} ${brief(y[y.length - 1])}`).join(', '), marks = chanceLine(chance[metric], words, axis.type === 'log');
      if (at) marks.annotations = [...(marks.annotations ?? []), brokenAt(x.length > 1 ? at : 1, `nan from epoch ${at}`)];
      return { traces, says: `${title} by epoch, ${x.length} epochs; at the end ${last}.${at ? ` nan from epoch ${at}.` : ''}`, layout: { ...marks, showlegend: lines.length > 1, legend, hovermode: 'x unified', margin: { l: 48, r: 12, t: 30, b: 42 },
        xaxis: { title: { text: 'epoch', standoff: 6 }, showgrid: false, zeroline: false, ...(x.length < 12 ? { tickvals: x } : {}) },
        yaxis: { zeroline: false, ...axis } } };
    });
  }
}

// Where the numbers end.
const brokenAt = (x, text) => ({ x, yref: 'paper', y: 0.5, text, showarrow: true, arrowhead: 0, ax: 34, ay: -24, font: { size: 13, color: css('--bad') }, arrowcolor: css('--bad') });

// The loss of each batch, over the same axis of steps as the pictures of the layers.
function batchLoss(room, { steps, values }, chance) {
  if (!room || !steps.length) return;
  const chart = panel(room, 'Loss of each batch', room.dataset.note), x = steps.map(onAxis);
  chart.style.height = '220px';
  const broken = values.indexOf(null), from = broken < 0 ? '' : `nan from step ${steps[broken].toLocaleString('en')}`;
  draw(chart, width => {
    const axis = lossAxis(values), marks = chanceLine(chance.loss, `log(${Math.round(1 / chance.acc)}): guessing`, axis.type === 'log');
    if (from) marks.annotations = [...(marks.annotations ?? []), brokenAt(x[broken], from)];
    return { says: `Loss of each batch by step, from ${brief(values[0])} to ${brief(values.findLast(v => v !== null))}${from ? `, ${from}` : ''}.`,
    traces: [{ x, y: values, type: 'scatter', mode: values.filter(v => v !== null).length > 4 ? 'lines' : 'lines+markers', line: { color: palette(0), width: 1.6 }, customdata: steps, hovertemplate: 'step %{customdata:,}<br><b>%{y:.4g}</b><extra></extra>' }],
    layout: { ...marks, margin: { l: 48, r: 22, t: 8, b: 42 }, yaxis: { zeroline: false, nticks: 5, ...axis },
      xaxis: { ...stepAxis(steps, width - 60), range: [edges(steps)[0], edges(steps).pop()], automargin: false } } };
  });
}

function signalPictures(room, pictures, blob) {
  if (!room) return;
  const charts = Object.entries(pictures).map(([quantity, picture]) => {
    const words = MAPS[quantity];
    return [panel(room, `${words[0].toUpperCase()}${words.slice(1)}`, room.dataset[quantity.replace('_', '')]), quantity, picture];
  });
  for (const [chart, quantity, picture] of charts) {  // the room is laid out first: only then each has its width
    const cells = table(blob, picture, LINEAR.has(quantity));
    heatMap(chart, picture, quantity, cells, marginFor(picture.layers, chart.clientWidth));
  }
}

const RIDGES = 24;

// Where the values of every layer lie, at the step of the slider.
function valuePictures(room, packed, blob) {
  const byStep = new Map();
  let at = packed.at;
  for (const [step, layer, bins, low, high, std] of packed.entries) {
    if (!byStep.has(step)) byStep.set(step, new Map());
    byStep.get(step).set(layer, { low, high, std, bars: blob.subarray(at, at + bins) });
    at += bins;
  }
  const kinds = packed.functions.some(f => f) && packed.functions.some(f => !f);
  let step = packed.steps[0], functions = false, own = false, playing = null;
  const chart = make('div', { className: 'chart', id: 'histogram' });
  const slider = make('input', { type: 'range', min: 0, max: packed.steps.length - 1, value: 0, id: 'step', ariaLabel: 'step' });
  const shown = make('output', { htmlFor: 'step' });
  const play = make('button', { type: 'button', className: 'quiet', textContent: 'Play' });
  const stop = () => { clearInterval(playing); playing = null; play.textContent = 'Play'; };
  const update = () => { step = packed.steps[slider.value]; shown.textContent = `step ${step.toLocaleString('en')}`; redrawRidges(); };
  slider.addEventListener('input', update);
  play.addEventListener('click', () => {
    if (playing) return stop();
    if (+slider.value === +slider.max) slider.value = 0;
    play.textContent = 'Stop';
    playing = setInterval(() => { slider.value = +slider.value + 1; update(); if (+slider.value === +slider.max) stop(); }, 220);
    return update();
  });
  const controls = make('div', { className: 'controls' });
  if (kinds) controls.append(chooser('layers', [['0', 'before the activation'], ['1', 'activations']], '0', v => { functions = v === '1'; redrawRidges(); }));
  controls.append(chooser('scale', [['0', 'the same for all layers'], ['1', 'in each layer’s own std']], '0', v => { own = v === '1'; redrawRidges(); }));
  room.append(make('figure', {}, controls, make('div', { className: 'slide' }, play, slider, shown), chart));

  const chosen = () => {
    const all = [...packed.layers.keys()].filter(i => !kinds || packed.functions[i] === functions), every = Math.ceil(all.length / RIDGES);
    return all.filter((_, i) => i % every === 0);
  };
  const reach = indices => {
    const ends = indices.map(i => percentile(packed.entries.filter(e => e[1] === i).map(e => Math.max(Math.abs(e[3]), Math.abs(e[4]))), 0.95) ?? 0);
    return 1.04 * (Math.max(...ends) || 1);
  };
  const redrawRidges = () => {
    const indices = chosen(), limit = own ? 4.5 : reach(indices);
    chart.style.height = `${60 + Math.max(160, 38 * indices.length)}px`;
    draw(chart, width => {
      const colour = palette(functions ? 2 : 0), traces = [], annotations = [];
      indices.forEach((index, row) => {
        const it = byStep.get(step)?.get(index), name = plain(packed.layers[index]);
        if (!it) return;
        const unit = own ? it.std || 1 : 1, size = (it.high - it.low) / it.bars.length, x = [], y = [];
        it.bars.forEach((bar, k) => { const left = it.low + k * size; x.push(left / unit, (left + size) / unit); y.push(bar, bar); });
        const up = y.map(v => -row + 0.86 * v / 255);
        traces.push({ x: [x[0], ...x, x[x.length - 1]], y: [-row, ...up, -row], type: 'scatter', mode: 'lines', fill: 'toself', hoveron: 'fills',
          fillcolor: faint(colour, dark() ? 0.35 : 0.25), line: { color: colour, width: 1.1 }, name, text: `${name}<br>from ${brief(it.low)} to ${brief(it.high)}<br>std <b>${brief(it.std)}</b>`, hoverinfo: 'text' });
        annotations.push({ xref: 'paper', x: 1, xanchor: 'left', y: -row + 0.28, text: brief(it.std), showarrow: false, font: { size: 11, color: css('--ink-2') }, xshift: 6 });
      });
      annotations.push({ xref: 'paper', x: 1, xanchor: 'left', y: 1.02, text: 'std', showarrow: false, font: { size: 11, color: css('--ink-3') }, xshift: 6 });
      const names = indices.map(i => packed.layers[i]), ticks = indices.map((_, row) => 0.28 - row);
      return { traces, says: `Histograms of ${indices.length} layers at step ${step}, one axis for all: std ${indices.map(i => `${packed.layers[i]} ${brief(byStep.get(step)?.get(i)?.std)}`).slice(0, 6).join(', ')}.`, layout: {
        annotations, margin: { l: marginFor(names, width), r: 62, t: 8, b: 42 }, hovermode: 'closest',
        xaxis: { range: [-limit, limit], zeroline: true, title: { text: own ? 'value / std of the layer' : 'value', standoff: 6 }, automargin: false },
        yaxis: { tickvals: ticks, ticktext: names.map(n => plain(clipped(n, width < NARROW ? 14 : 26))), range: [0.3 - indices.length, 1.2], showgrid: false, zeroline: false, automargin: false, tickfont: { size: 11 } } } };
    });
  };
  update();
}

function forecastPicture(room, quantity, it) {
  const words = { std: 'Std of the output', grad: 'Std of the gradient, over that of the last hidden layer' }[quantity];
  const chart = panel(room, words, it.zone ? `Green: where ${it.kind} trains.` : '');
  chart.style.height = '280px';
  const x = it.layers.map((_, i) => i);
  draw(chart, width => {
    const known = x.filter(i => it.low[i] !== null && it.high[i] !== null), every = Math.ceil(x.length / 5), values = [...it.value, ...it.low, ...it.high, ...it.measured];
    const names = it.layers.map(plain);
    const zone = it.zone ? { shapes: [{ type: 'rect', layer: 'below', xref: 'paper', x0: 0, x1: 1, y0: it.zone[0], y1: it.zone[1], line: { width: 0 }, fillcolor: faint(palette(2), 0.14) }] } : {};
    return {
      says: `${words}: forecast ${brief(it.value[0])} to ${brief(it.value[it.value.length - 1])}, measured ${brief(it.measured[0])} to ${brief(it.measured[it.measured.length - 1])}, from the first layer to the last.${it.zone ? ` ${it.kind} trains from ${brief(it.zone[0])} to ${brief(it.zone[1])}.` : ''}`,
      traces: [
        band(known, known.map(i => it.low[i]), known.map(i => it.high[i]), palette(0), { name: 'band' }),
        { x, y: it.value, type: 'scatter', mode: 'lines', name: 'forecast', text: names, line: { color: palette(0), width: 1.8, dash: 'dash' }, hovertemplate: '%{text}: %{y:.3g}' },
        { x, y: it.measured, type: 'scatter', mode: 'markers', name: 'measured', text: names, marker: { color: palette(1), size: 8 }, hovertemplate: '%{text}: %{y:.3g}' },
      ],
      layout: { ...zone, showlegend: true, legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom' }, margin: { l: 60, r: 12, t: 30, b: 60 },
        yaxis: logTicks(values, 2), xaxis: { tickvals: x.filter(i => i % every === 0), ticktext: names.filter((_, i) => i % every === 0), showgrid: false, zeroline: false } },
    };
  });
}
