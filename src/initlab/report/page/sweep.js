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
  return { first, second, colour, dash,
    of: c => ({ color: first ? colour(first, c.axes[first]) : palette(0), dash: second ? dash(second, c.axes[second]) : again(c.axes[first]) }) };
}

function paintTable(data, look) {
  const paint = () => document.querySelectorAll('[data-combination] .swatch, .chip .swatch').forEach(swatch => {
    const { color, dash } = look.of(data.combinations[swatch.closest('[data-combination]').dataset.combination]);
    swatch.style.setProperty('--swatch', color);
    swatch.dataset.dash = dash;
  });
  paint();
  document.addEventListener('theme', paint);
  const tableBody = document.querySelector('#ranking tbody');
  document.querySelectorAll('#ranking th button').forEach((button, column) => button.addEventListener('click', () => {
    const head = button.closest('th'), up = head.ariaSort !== 'ascending';
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

// A figure against each swept axis: lines, or a map of two axes.
function axisPictures(room, data, look) {
  const axes = Object.keys(data.axes).filter(a => data.axes[a].length > 1);
  if (!room || !axes.length) return;
  const metrics = [['score', data.score], ...data.metrics.map(name => [name, name])];
  let metric = data.metrics.includes('test/acc') ? 'test/acc' : data.metrics.includes('val/acc') ? 'val/acc' : 'score';
  let across = axes.find(a => data.axes[a].every(isNumber)) ?? axes[0], down = axes.find(a => a !== across);
  const lines = make('div', { className: 'chart' }), map = make('div', { className: 'chart' });
  const note = make('p', { className: 'note' });
  lines.style.height = '360px';
  const controls = make('div', { className: 'controls' }, chooser('figure', metrics, metric, v => { metric = v; again(); }));
  if (axes.length > 1) controls.append(chooser('across', axes.map(a => [a, lastWord(a)]), across, v => { if (v === down) down = across; across = v; again(); }));
  if (axes.length > 2) controls.append(chooser('map, down', axes.map(a => [a, lastWord(a)]), down, v => { if (v !== across) down = v; again(); }));
  room.append(controls, make('div', { className: axes.length > 1 ? 'pair' : '' }, make('figure', {}, lines), ...(axes.length > 1 ? [make('figure', {}, map, note)] : [])));
  const figure = c => metric === 'score' ? c.score : c.metrics[metric];
  const title = () => metrics.find(([name]) => name === metric)[1];

  const again = () => {
    const values = data.axes[across], numeric = values.every(isNumber);
    const log = numeric && values.every(v => v > 0) && Math.max(...values) / Math.min(...values) >= 50;
    const at = v => numeric ? Number(v) : values.indexOf(v);
    draw(lines, width => {
      const others = axes.filter(a => a !== across), colourAxis = others.includes(look.first) ? look.first : others[0];
      const dashAxis = others.find(a => a !== colourAxis), groups = new Map();
      for (const c of data.combinations) {
        const key = JSON.stringify(others.map(a => c.axes[a]));
        if (!groups.has(key)) groups.set(key, []);
        if (figure(c) && figure(c).mean !== null) groups.get(key).push(c);
      }
      const traces = [];
      for (const members of groups.values()) {
        if (!members.length) continue;
        members.sort((a, b) => at(a.axes[across]) - at(b.axes[across]));
        const x = members.map(c => at(c.axes[across])), y = members.map(c => figure(c).mean), std = members.map(c => figure(c).std ?? 0);
        const colour = colourAxis ? look.colour(colourAxis, members[0].axes[colourAxis]) : palette(0);
        const name = others.map(a => members[0].axes[a]).join(', ') || title();
        const colours = axes.length === 1 && !numeric ? members.map(c => look.colour(across, c.axes[across])) : colour;
        const error = numeric ? {} : { error_y: { type: 'data', array: std, thickness: 1.4, width: 4, color: colours === colour ? colour : css('--ink-3') } };
        if (numeric && x.length > 1 && std.some(s => s > 0)) traces.push(band(x, y.map((v, i) => v - std[i]), y.map((v, i) => v + std[i]), colour));
        traces.push({ x, y, type: 'scatter', mode: numeric || axes.length > 1 ? 'lines+markers' : 'markers', name: plain(clipped(name, width < NARROW ? 22 : 40)), marker: { size: 9, color: colours }, ...error,
          line: { color: colour, width: numeric ? 2.2 : 0.8, dash: dashAxis ? look.dash(dashAxis, members[0].axes[dashAxis]) : 'solid' }, hoverinfo: 'text',
          text: members.map(c => `${plain(c.label)}<br><b>${brief(figure(c).mean)}</b>${figure(c).std === null ? '' : ` ± ${brief(figure(c).std)}`} (n = ${figure(c).n})`) });
        const dots = members.flatMap(c => figure(c).values.length > 1 ? figure(c).values.map(v => [at(c.axes[across]), v]) : []);
        if (dots.length) traces.push({ x: dots.map(d => d[0]), y: dots.map(d => d[1]), type: 'scatter', mode: 'markers', marker: { size: 4, color: faint(css('--ink'), 0.45) }, hoverinfo: 'skip' });
      }
      for (const t of traces) t.showlegend = Boolean(t.name);
      return { traces, layout: { showlegend: others.length > 0, legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', title: { text: others.length ? `${plain(others.map(lastWord).join(', '))}: ` : '' } }, hovermode: 'closest',
        margin: { l: 52, r: 12, t: 40, b: 46 }, yaxis: { title: { text: plain(title()), standoff: 8 }, zeroline: false },
        xaxis: { title: { text: plain(lastWord(across)), standoff: 6 }, type: log ? 'log' : 'linear', tickvals: values.map(at), ticktext: values.map(plain), showgrid: false, zeroline: false, minor: { ticks: '' }, ...(numeric ? {} : { range: [-0.4, values.length - 0.6] }) } } };
    });
    if (axes.length > 1) drawMap();
  };

  const drawMap = () => {
    const columns = data.axes[across], rows = data.axes[down], more = axes.length > 2;
    const low = metric === 'score' ? data.mode === 'min' : /loss|error/.test(metric), better = (a, b) => low ? a < b : a > b;
    const best = (x, y) => data.combinations.filter(c => c.axes[across] === x && c.axes[down] === y && figure(c)?.mean !== null && figure(c))
      .reduce((kept, c) => !kept || better(figure(c).mean, figure(kept).mean) ? c : kept, null);
    const cells = rows.map(y => columns.map(x => best(x, y)));
    map.style.height = `${Math.max(220, Math.min(360, 90 + 46 * rows.length))}px`;
    note.textContent = more ? `Of the other axes each cell shows the best combination.` : '';
    draw(map, width => {
      const means = cells.map(row => row.map(c => c ? figure(c).mean : null)), flat = means.flat().filter(v => v !== null);
      const least = Math.min(...flat), most = Math.max(...flat), few = width / columns.length > 52;
      const annotations = few ? cells.flatMap((row, i) => row.map((c, j) => {
        const share = c && most > least ? (figure(c).mean - least) / (most - least) : 0.5;
        return { x: j, y: i, text: c ? Number(figure(c).mean.toPrecision(3)).toString() : '–', showarrow: false, font: { size: 12, color: c ? ((low ? 1 - share : share) > 0.55 ? '#111' : '#fff') : css('--ink-3') } };
      })) : [];
      return { traces: [{ type: 'heatmap', z: means, colorscale: 'Cividis', reversescale: low, showscale: false, xgap: 2, ygap: 2, hoverongaps: false, hoverinfo: 'text',
        text: cells.map(row => row.map(c => c ? `${plain(c.label)}<br><b>${brief(figure(c).mean)}</b>${figure(c).std === null ? '' : ` ± ${brief(figure(c).std)}`}` : '')) }],
      layout: { annotations, margin: { l: 70, r: 10, t: 40, b: 46 }, title: { text: plain(title()), font: { size: 12, color: css('--ink-2') }, x: 0, xref: 'paper', y: 1, yref: 'paper', yanchor: 'bottom', pad: { b: 8 } },
        xaxis: { tickvals: [...columns.keys()], ticktext: columns.map(plain), title: { text: plain(lastWord(across)), standoff: 6 }, showgrid: false, zeroline: false },
        yaxis: { tickvals: [...rows.keys()], ticktext: rows.map(r => plain(clipped(r, 16))), title: { text: plain(lastWord(down)), standoff: 6 }, showgrid: false, zeroline: false, autorange: 'reversed' } } };
    });
  };
  again();
}

// Mean over the seeds with its band; a chip hides and shows a combination.
function combinationCurves(room, data, look) {
  const names = [...new Set(data.runs.flatMap(r => Object.keys(r.epochs)))].filter(n => n !== 'epoch' && n !== 'lr');
  if (!room || !names.length) return;
  const order = ['val/acc', 'val/loss', 'train/loss', 'train/acc'], hidden = new Set();
  names.sort((a, b) => (order.indexOf(a) + 99) % 99 - (order.indexOf(b) + 99) % 99);
  let name = names.includes(data.monitor) ? data.monitor : names[0];
  const chart = make('div', { className: 'chart', id: 'combination-curves' });
  chart.style.height = '420px';
  const chips = make('div', { className: 'chips' });
  data.combinations.forEach((c, i) => {
    const chip = make('button', { type: 'button', className: 'chip', 'data-combination': i, ariaPressed: 'true' }, make('span', { className: 'swatch' }), c.label);
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
  const controls = make('div', { className: 'controls' }, chooser('figure', names.map(n => [n, n]), name, v => { name = v; again(); }), link('Show all', true), link('Hide all', false));
  room.append(make('figure', {}, controls, chart, chips));

  const again = () => draw(chart, () => {
    const traces = [];
    data.combinations.forEach((c, i) => {
      const members = c.runs.map(r => data.runs[r].epochs).filter(e => e.epoch && e[name]), epochs = [...new Set(members.flatMap(e => e.epoch))].sort((a, b) => a - b);
      const points = epochs.map(epoch => {
        const values = members.map(e => e[name][e.epoch.indexOf(epoch)]).filter(v => v !== undefined && v !== null), mean = values.reduce((a, b) => a + b, 0) / values.length;
        return { epoch: epoch + 1, n: values.length, mean, std: values.length > 1 ? Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1)) : 0 };
      }).filter(p => p.n);
      const x = points.map(p => p.epoch), { color, dash } = look.of(c), visible = !hidden.has(i);
      if (points.some(p => p.std > 0)) traces.push(band(x, points.map(p => p.mean - p.std), points.map(p => p.mean + p.std), color, { visible }));
      traces.push({ x, y: points.map(p => p.mean), type: 'scatter', mode: x.length > 30 ? 'lines' : 'lines+markers', name: plain(c.label), visible, meta: i, marker: { size: 5 }, line: { color, dash, width: 2 }, hoverinfo: 'text',
        text: points.map(p => `${plain(c.label)}<br>epoch ${p.epoch}: <b>${brief(p.mean)}</b>${p.n > 1 ? ` ± ${brief(p.std)} (n = ${p.n})` : ''}`) });
    });
    const seen = traces.filter(t => t.text && t.visible).flatMap(t => t.y), least = Math.min(...seen), log = /loss/.test(name) && least > 0 && Math.max(...seen) / least > 4;
    const scale = log ? { type: 'log', title: { text: `${plain(name)} (log scale)`, standoff: 8 }, ...logTicks(seen) } : { title: { text: plain(name), standoff: 8 }, ...calm(seen, /acc/.test(name)) };
    return { traces, layout: { hovermode: 'closest', yaxis: { zeroline: false, ...scale }, xaxis: { title: { text: 'epoch', standoff: 6 }, showgrid: false, zeroline: false, dtick: data.runs.some(r => (r.epochs.epoch ?? []).length > 12) ? undefined : 1 } } };
  });
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
  const words = Object.fromEntries(Object.entries(MAPS).map(([q, m]) => [q, m.words])), caption = make('p', { className: 'note' });
  room.append(make('div', { className: 'controls' }, chooser('figure', quantities.map(q => [q, words[q]]), quantity, v => { quantity = v; again(); }), add), caption, grid);

  const again = () => {
    grid.querySelectorAll('.chart').forEach(c => { Plotly.purge(c); charts.delete(c); });
    grid.replaceChildren();
    caption.textContent = room.dataset[quantity.replace('_', '')];
    const tables = chosen.map(i => data.runs[i].pictures[quantity] ? table(blob, data.runs[i].pictures[quantity], LINEAR.has(quantity)) : null);
    const scale = limits(quantity, tables.filter(t => t));
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
      if (picture) heatMap(chart, picture, quantity, tables[place], scale, marginFor(picture.layers, chart.clientWidth));
      else chart.append(make('p', { className: 'note', textContent: 'This run recorded none of these.' }));
    });
  };
  again();
}
