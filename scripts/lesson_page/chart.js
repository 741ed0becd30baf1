// The predicted std of every layer's output before the first update, on a logarithmic scale.

const NS = 'http://www.w3.org/2000/svg', WIDE = 340, HIGH = 150, LEFT = 46, FOOT = 20;
function node(name, attributes, text = '') {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
function chartOf(stds) {
  const decades = stds.map(std => Math.log10(Math.max(std, 1e-45)));
  const low = Math.min(Math.floor(Math.min(...decades)), -1), high = Math.max(Math.ceil(Math.max(...decades)), 1);
  const x = i => LEFT + i / (stds.length - 1) * (WIDE - LEFT - 8), y = d => 8 + (high - d) / (high - low) * (HIGH - FOOT - 8);
  const label = `Predicted std: ${short(stds[0])} in layers.0, ${short(stds.at(-1))} in layers.${stds.length - 1}`;
  const svg = node('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': label });
  for (const d of [low, 0, high]) {
    svg.append(node('line', { class: d === 0 ? 'axis one' : 'axis', x1: LEFT, x2: WIDE - 8, y1: y(d), y2: y(d) }));
    svg.append(node('text', { class: 'tick', x: LEFT - 8, y: y(d) + 4, 'text-anchor': 'end' }, d === 0 ? '1' : Math.abs(d) === 1 ? String(10 ** d) : `1e${d}`));
  }
  svg.append(node('polyline', { class: 'line', points: decades.map((d, i) => `${x(i)},${y(d)}`).join(' ') }));
  decades.forEach((d, i) => svg.append(node('circle', { class: 'dot', cx: x(i), cy: y(d), r: 2.5 })));
  svg.append(node('text', { class: 'tick', x: LEFT, y: HIGH - 3 }, 'layers.0'));
  svg.append(node('text', { class: 'tick', x: WIDE - 8, y: HIGH - 3, 'text-anchor': 'end' }, `layers.${stds.length - 1}`));
  return svg;
}
