// The page of a sweep.

function sweepPage(data, blob) {
  const look = looks(data);
  paintTable(data, look);
  axisPictures(document.getElementById('axes'), data, look);
  combinationCurves(document.getElementById('curves'), data, look);
  sideBySide(document.getElementById('signal'), data, blob);
}

const isNumber = text => text !== '' && Number.isFinite(Number(text));

// The same initialisation has the same colour everywhere on the page; the line's dashes tell a second axis, or, where
// there is none, the values that have to share a colour.
function looks(data) {
  const axes = Object.keys(data.axes), first = axes.includes('init') ? 'init' : axes[0], second = axes.find(a => a !== first);
  const colour = (axis, value) => {
    const values = data.axes[axis] ?? [], i = Math.max(0, values.indexOf(value));
    return values.length > 1 && values.every(isNumber) ? sequential(i / (values.length - 1)) : palette(i);
  };
  const place = (axis, value) => Math.max(0, (data.axes[axis] ?? []).indexOf(value));
  const dash = (axis, value) => DASHES[place(axis, value) % DASHES.length];
  const again = value => DASHES[Math.floor(place(first, value) / 7) % DASHES.length];
  // A third factor is a panel of its own, with a letter: no two series have the same sign.
  const rest = axes.filter(a => a !== first && a !== second), key = c => rest.map(a => c.axes[a]).join(' · ');
  const panels = rest.length ? [...new Set(data.combinations.map(key))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })) : [''];
  const letter = c => panels.length > 1 ? String.fromCharCode(65 + panels.indexOf(key(c))) : '';
  const title = p => panels.length > 1 ? `${letterOf(p)}: ${rest.map((a, i) => `${lastWord(a)} ${panels[p].split(' · ')[i]}`).join(', ')}` : '', letterOf = p => String.fromCharCode(65 + p);
  return { first, second, colour, dash, letter, panels, title, panelOf: c => panels.indexOf(key(c)),
    of: c => ({ color: first ? colour(first, c.axes[first]) : palette(0), dash: second ? dash(second, c.axes[second]) : again(c.axes[first]) }) };
}

// Every run a dot, those of nearly the same height side by side: the distribution is seen, not only its middle.
function swarm(x, values, { type, range: [low, high] }) {
  const heights = new Map(), height = v => Math.round(60 * ((type === 'log' ? Math.log10(v) : v) - low) / (high - low));
  for (const v of values) heights.set(height(v), [...(heights.get(height(v)) ?? []), v]);
  const gap = 0.7 / Math.max(14, ...[...heights.values()].map(row => row.length));
  return [...heights.values()].flatMap(row => row.map((v, i) => [x + gap * (i - (row.length - 1) / 2), v]));
}

function widened(values) {
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  return [low - 0.06 * (high - low), high + 0.06 * (high - low)];
}

function paintTable(data, look) {
  const paint = () => document.querySelectorAll('[data-combination] .swatch, .chip .swatch').forEach(swatch => {
    const { color, dash } = look.of(data.combinations[swatch.closest('[data-combination]').dataset.combination]);
    swatch.style.setProperty('--swatch', color);
    swatch.dataset.dash = dash;
  });
  document.querySelectorAll('#ranking [data-combination] .swatch').forEach(swatch => {
    const letter = look.letter(data.combinations[swatch.closest('[data-combination]').dataset.combination]);
    if (letter) swatch.after(make('span', { className: 'letter', textContent: ` ${letter} ` }));
  });
  paint();
  document.addEventListener('theme', paint);
  const tableBody = document.querySelector('#ranking tbody');
  document.querySelectorAll('#ranking th button').forEach((button, column) => button.addEventListener('click', () => {
    const head = button.closest('th'), up = head.ariaSort === 'none' ? head.dataset.first === 'ascending' : head.ariaSort !== 'ascending';
    document.querySelectorAll('#ranking th').forEach(th => { th.ariaSort = th === head ? (up ? 'ascending' : 'descending') : 'none'; });
    const rows = [...tableBody.rows].map(row => [row.cells[column].dataset.value, row]);
    const numeric = rows.every(([value]) => value === '' || isNumber(value));
    rows.sort(([a], [b]) => {
      if (a === '' || b === '') return (a === '') - (b === '');       // what has no figure is last either way
      return (up ? 1 : -1) * (numeric ? a - b : a.localeCompare(b, 'en', { numeric: true }));
    });
    tableBody.append(...rows.map(([, row]) => row));
  }));
}

// A figure against each swept axis: a panel for each setting of the axes beyond the two that a panel tells apart, and a
// map of it.
function axisPictures(room, data, look) {
  const axes = Object.keys(data.axes).filter(a => data.axes[a].length > 1);
  if (!room || !axes.length) return;
  const metrics = [['score', data.score], ...data.metrics.map(name => [name, name])];
  let metric = data.metrics.includes('test/acc') ? 'test/acc' : data.metrics.includes('val/acc') ? 'val/acc' : 'score';
  let across = axes.find(a => data.axes[a].every(isNumber)) ?? axes[0], down = axes.includes(look.first) && look.first !== across ? look.first : axes.find(a => a !== across);
  const grid = make('div', { className: 'side' });
  const controls = make('div', { className: 'controls' }, chooser('metric', metrics, metric, v => { metric = v; again(); }));
  if (axes.length > 1) controls.append(chooser('across', axes.map(a => [a, lastWord(a)]), across, v => { if (v === down) down = across; across = v; again(); }));
  if (axes.length > 2) controls.append(chooser('colour and rows', axes.map(a => [a, lastWord(a)]), down, v => { if (v !== across) down = v; again(); }));
  room.append(controls, grid);
  const figure = c => metric === 'score' ? c.score : c.metrics[metric];
  const title = () => metrics.find(([name]) => name === metric)[1];
  const known = c => figure(c) && figure(c).mean !== null;

  const again = () => {
    grid.querySelectorAll('.chart').forEach(c => { Plotly.purge(c); charts.delete(c); });
    grid.replaceChildren();
    const rest = axes.filter(a => a !== across && a !== down), groups = new Map();
    for (const c of data.combinations) {
      const key = rest.map(a => `${lastWord(a)} ${c.axes[a]}`).join(', ');
      groups.set(key, [...(groups.get(key) ?? []), c]);
    }
    const ends = data.combinations.filter(known).flatMap(c => [...figure(c).values, figure(c).mean - (figure(c).std ?? 0), figure(c).mean + (figure(c).std ?? 0)]);
    const scale = lossAxis(ends, !/loss|distance/.test(title())), span = scale.range ?? widened(ends);
    const made = [...groups].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })).flatMap(([words, members]) => {
      const lines = make('div', { className: 'chart' }), map = make('div', { className: 'chart' });
      lines.style.height = rest.length ? '300px' : '360px';
      grid.append(make('figure', {}, make('figcaption', {}, make('b', { textContent: words })), lines));
      if (axes.length > 1) grid.append(make('figure', {}, make('figcaption', {}, make('b', { textContent: words })), map));
      return [[lines, map, words, members]];
    });
    for (const [lines, map, words, members] of made) {  // the grid is laid out first: only then each has its width
      drawLines(lines, members, words, { ...scale, range: span });
      if (axes.length > 1) drawMap(map, members, words);
    }
  };

  const spread = c => figure(c).std === null ? '' : ` ± ${brief(figure(c).std)}`;
  const told = (words, members) => `${title()} against ${lastWord(across)}${words ? `, ${words}` : ''}: ${members.filter(known).map(c => `${c.label} ${brief(figure(c).mean)}`).slice(0, 8).join('; ')}.`;

  const drawLines = (chart, members, words, scale) => {
    const values = data.axes[across], numeric = values.every(isNumber), at = v => numeric ? Number(v) : values.indexOf(v);
    const log = numeric && values.every(v => v > 0) && Math.max(...values) / Math.min(...values) >= 50;
    draw(chart, width => {
      const traces = [];
      (down ? data.axes[down] : ['']).forEach((value, place) => {
        const there = members.filter(c => known(c) && (!down || c.axes[down] === value)).sort((a, b) => at(a.axes[across]) - at(b.axes[across]));
        if (!there.length) return;
        const x = there.map(c => at(c.axes[across])), y = there.map(c => figure(c).mean), std = there.map(c => figure(c).std ?? 0);
        const colour = down ? look.colour(down, value) : palette(0), symbol = SYMBOLS[place % SYMBOLS.length];
        const each = axes.length === 1 && !numeric ? there.map(c => look.colour(across, c.axes[across])) : colour;
        const error = numeric || !std.some(s => s > 0) ? {} : { error_y: { type: 'data', array: std, thickness: 1.4, width: 4, color: css('--ink-3') } };
        if (numeric && x.length > 1 && std.some(s => s > 0)) traces.push(band(x, y.map((v, i) => v - std[i]), y.map((v, i) => v + std[i]), colour, { showlegend: false }));
        traces.push({ x, y, type: 'scatter', mode: numeric || axes.length > 1 ? 'lines+markers' : 'markers', name: plain(clipped(String(value), width < NARROW ? 22 : 40)), showlegend: Boolean(down), marker: { size: 9, color: each, symbol }, ...error,
          line: { color: colour, width: numeric ? 2.2 : 0.8 }, hoverinfo: 'text', text: there.map(c => `${plain(c.label)}<br><b>${brief(figure(c).mean)}</b>${spread(c)} (n = ${figure(c).n})`) });
        const dots = there.flatMap(c => figure(c).values.length > 1 ? (numeric ? figure(c).values.map(v => [at(c.axes[across]), v]) : swarm(at(c.axes[across]), figure(c).values, scale)) : []);
        if (dots.length) traces.push({ x: dots.map(d => d[0]), y: dots.map(d => d[1]), type: 'scatter', mode: 'markers', showlegend: false, marker: { size: 4, color: faint(css('--ink'), 0.45) }, hoverinfo: 'skip' });
      });
      return { traces, says: told(words, members), layout: { showlegend: Boolean(down), legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', title: { text: down ? `${plain(lastWord(down))}: ` : '' } }, hovermode: 'closest',
        margin: { l: 52, r: 12, t: 40, b: 46 }, yaxis: { title: { text: plain(title()), standoff: 8 }, zeroline: false, nticks: 5, ...scale },
        xaxis: { title: { text: plain(lastWord(across)), standoff: 6 }, type: log ? 'log' : 'linear', tickvals: values.map(at), ticktext: values.map(plain), showgrid: false, zeroline: false, minor: { ticks: '' }, ...(numeric ? {} : { range: [-0.4, values.length - 0.6] }) } } };
    });
  };

  const drawMap = (chart, members, words) => {
    const columns = data.axes[across], rows = data.axes[down], low = metric === 'score' ? data.mode === 'min' : /loss|error|distance/.test(metric);
    const cells = rows.map(y => columns.map(x => members.find(c => c.axes[across] === x && c.axes[down] === y && known(c)) ?? null));
    chart.style.height = `${Math.max(220, Math.min(360, 90 + 46 * rows.length))}px`;
    draw(chart, width => {
      const means = cells.map(row => row.map(c => c ? figure(c).mean : null)), flat = data.combinations.filter(known).map(c => figure(c).mean);
      const least = Math.min(...flat), most = Math.max(...flat), few = width / columns.length > 52;
      const annotations = few ? cells.flatMap((row, i) => row.map((c, j) => {
        const share = c && most > least ? (figure(c).mean - least) / (most - least) : 0.5;
        return { x: j, y: i, text: c ? Number(figure(c).mean.toPrecision(3)).toString() : '–', showarrow: false, font: { size: 12, color: c ? ((low ? 1 - share : share) > 0.55 ? '#111' : '#fff') : css('--ink-3') } };
      })) : [];
      return { says: told(words, members), traces: [{ type: 'heatmap', z: means, zmin: least, zmax: most > least ? most : least + 1, colorscale: 'Cividis', reversescale: low, showscale: false, xgap: 2, ygap: 2, hoverongaps: false, hoverinfo: 'text',
        text: cells.map(row => row.map(c => c ? `${plain(c.label)}<br><b>${brief(figure(c).mean)}</b>${spread(c)}` : '')) }],
      layout: { annotations, margin: { l: 70, r: 10, t: 40, b: 46 }, title: { text: plain(title()), font: { size: 12, color: css('--ink-2') }, x: 0, xref: 'paper', y: 1, yref: 'paper', yanchor: 'bottom', pad: { b: 8 } },
        xaxis: { tickvals: [...columns.keys()], ticktext: columns.map(plain), title: { text: plain(lastWord(across)), standoff: 6 }, showgrid: false, zeroline: false },
        yaxis: { tickvals: [...rows.keys()], ticktext: rows.map(r => plain(clipped(r, 16))), title: { text: plain(lastWord(down)), standoff: 6 }, showgrid: false, zeroline: false, autorange: 'reversed' } } };
    });
  };
  again();
}

// Mean over the seeds with its band; a chip hides and shows a combination.
function combinationCurves(room, data, look) {
  const bySteps = data.runs.some(r => r.loss.steps?.length);   // where there is but one epoch
  const names = bySteps ? ['loss of each batch'] : [...new Set(data.runs.flatMap(r => Object.keys(r.epochs)))].filter(n => n !== 'epoch' && n !== 'lr');
  if (!room || !names.length) return;
  const order = ['val/acc', 'val/loss', 'train/loss', 'train/acc'], hidden = new Set();
  names.sort((a, b) => (order.indexOf(a) + 99) % 99 - (order.indexOf(b) + 99) % 99);
  let name = names.includes(data.monitor) ? data.monitor : names[0];
  const grid = make('div', { className: look.panels.length > 1 ? 'side' : '', id: 'combination-curves' });
  const places = look.panels.map((_, p) => {
    const chart = make('div', { className: 'chart' });
    chart.style.height = look.panels.length > 1 ? '300px' : '420px';
    grid.append(make('figure', {}, make('figcaption', {}, make('b', { textContent: look.title(p) })), chart));
    return chart;
  });
  const chips = make('div', { className: 'chips' });
  data.combinations.forEach((c, i) => {
    const chip = make('button', { type: 'button', className: 'chip', 'data-combination': i, ariaPressed: 'true' }, make('span', { className: 'swatch' }), ...(look.letter(c) ? [make('span', { className: 'letter', textContent: look.letter(c) })] : []), c.label);
    const { color, dash } = look.of(c);
    chip.firstChild.style.setProperty('--swatch', color);
    chip.firstChild.dataset.dash = dash;
    chip.addEventListener('click', () => {
      hidden.has(i) ? hidden.delete(i) : hidden.add(i);
      chip.ariaPressed = String(!hidden.has(i));
      again();
    });
    chips.append(chip);
  });
  const all = show => { data.combinations.forEach((_, i) => show ? hidden.delete(i) : hidden.add(i)); chips.querySelectorAll('.chip').forEach(c => { c.ariaPressed = String(show); }); again(); };
  const link = (text, show) => { const b = make('button', { type: 'button', className: 'quiet', textContent: text }); b.addEventListener('click', () => all(show)); return b; };
  const controls = make('div', { className: 'controls' }, chooser('metric', names.map(n => [n, n]), name, v => { name = v; again(); }), link('Show all', true), link('Hide all', false));
  room.append(make('div', {}, controls, grid, chips));

  const rowsOf = r => bySteps ? (r.loss.steps ? { epoch: r.loss.steps, [name]: r.loss.values } : {}) : r.epochs;
  const again = () => places.forEach((chart, panel) => draw(chart, width => {
    const traces = [], all = [];
    data.combinations.forEach((c, i) => {
      const members = c.runs.map(r => rowsOf(data.runs[r])).filter(e => e.epoch && e[name]), epochs = [...new Set(members.flatMap(e => e.epoch))].sort((a, b) => a - b);
      const points = epochs.map(epoch => {
        const values = members.map(e => e[name][e.epoch.indexOf(epoch)]).filter(v => v !== undefined && v !== null), mean = values.reduce((a, b) => a + b, 0) / values.length;
        return { epoch: bySteps ? onAxis(epoch) : epoch + 1, step: epoch, n: values.length, mean, std: values.length > 1 ? Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1)) : 0 };
      }).filter(p => p.n);
      all.push(...(hidden.has(i) ? [] : points.map(p => p.mean)));
      if (look.panelOf(c) !== panel) return;
      const x = points.map(p => p.epoch), { color, dash } = look.of(c), visible = !hidden.has(i);
      if (points.some(p => p.std > 0)) traces.push(band(x, points.map(p => p.mean - p.std), points.map(p => p.mean + p.std), color, { visible }));
      traces.push({ x, y: points.map(p => p.mean), type: 'scatter', mode: x.length > 30 ? 'lines' : 'lines+markers', name: plain(c.label), visible, meta: i, marker: { size: 5 }, line: { color, dash, width: 2 }, hoverinfo: 'text',
        text: points.map(p => `${plain(c.label)}<br>${bySteps ? `step ${p.step}` : `epoch ${p.epoch}`}: <b>${brief(p.mean)}</b>${p.n > 1 ? ` ± ${brief(p.std)} (n = ${p.n})` : ''}`) });
    });
    const scale = !all.length ? { range: [0, 1], tickvals: [] } : /loss/.test(name) && Math.min(...all) > 0 && Math.max(...all) / Math.min(...all) > 4 ? logTicks(all) : { range: [Math.min(...all), Math.max(...all)].map((v, i, ends) => v + (2 * i - 1) * 0.06 * Math.max(ends[1] - ends[0], 0.1 * Math.abs(v))), nticks: 5 };
    const steps = bySteps ? [...new Set(data.runs.flatMap(r => r.loss.steps ?? []))].sort((a, b) => a - b) : [];
    const ends = traces.filter(t => t.text).map(t => `${t.name} ${brief(t.y[t.y.length - 1])}`).slice(0, 8).join('; ');
    return { traces, says: `${name} by ${bySteps ? 'step' : 'epoch'}${look.title(panel) ? `, ${look.title(panel)}` : ''}; at the end ${ends}.`, layout: { hovermode: 'closest', yaxis: { zeroline: false, title: { text: plain(name) + (scale.type === 'log' ? ' (log scale)' : ''), standoff: 8 }, ...scale },
      xaxis: bySteps ? stepAxis(steps, width - 60) : { title: { text: 'epoch', standoff: 6 }, showgrid: false, zeroline: false, dtick: data.runs.some(r => (r.epochs.epoch ?? []).length > 12) ? undefined : 1 } } };
  }));
  again();
}

// Layer x step of two or more runs, under one scale of colours.
function sideBySide(room, data, blob) {
  const able = data.runs.map((run, i) => [i, run]).filter(([, run]) => Object.keys(run.pictures).length);
  if (!room || !able.length) return;
  const quantities = Object.keys(MAPS).filter(q => able.some(([, run]) => run.pictures[q]));
  const ranked = data.combinations.flatMap(c => c.runs).filter(i => able.some(([j]) => j === i));
  let quantity = quantities[0], chosen = ranked.length > 1 ? [ranked[0], ranked[ranked.length - 1]] : [ranked[0]];
  const grid = make('div', { className: 'side' });
  const add = make('button', { type: 'button', className: 'quiet', textContent: 'Add a run' });
  add.addEventListener('click', () => { chosen.push(ranked.find(i => !chosen.includes(i)) ?? ranked[0]); again(); });
  const caption = make('p', { className: 'note' });
  room.append(make('div', { className: 'controls' }, chooser('quantity', quantities.map(q => [q, MAPS[q]]), quantity, v => { quantity = v; again(); }), add), caption, grid);

  const again = () => {
    grid.querySelectorAll('.chart').forEach(c => { Plotly.purge(c); charts.delete(c); });
    grid.replaceChildren();
    caption.textContent = room.dataset[quantity.replace('_', '')];
    const tables = chosen.map(i => data.runs[i].pictures[quantity] ? table(blob, data.runs[i].pictures[quantity], LINEAR.has(quantity)) : null);
    const places = chosen.map((index, place) => {
      const chart = make('div', { className: 'chart' }), options = ranked.map(i => [i, data.runs[i].label]);
      const head = make('div', { className: 'controls' }, chooser(`run ${place + 1}`, options, index, v => { chosen[place] = Number(v); again(); }));
      if (chosen.length > 1) {
        const away = make('button', { type: 'button', className: 'quiet', textContent: 'Remove' });
        away.addEventListener('click', () => { chosen.splice(place, 1); again(); });
        head.append(away);
      }
      grid.append(make('figure', {}, head, chart));
      return chart;
    });
    places.forEach((chart, place) => {  // the grid is laid out first: only then each has its width
      const picture = data.runs[chosen[place]].pictures[quantity];
      if (picture) heatMap(chart, picture, quantity, tables[place], marginFor(picture.layers, chart.clientWidth));
      else chart.append(make('p', { className: 'note', textContent: 'This run recorded none of these.' }));
    });
  };
  again();
}
