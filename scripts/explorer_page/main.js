// One setting; after any change of it everything is drawn again in the next frame.

const START = { act: 'tanh', init: 'mean_field', sigmaW: 1.5, sigmaB: 0.2, depth: 20, width: 256, opt: 'sgd', lr: 0.02 };
const INITS = ['kaiming', 'xavier', 'lecun', 'normal', 'orthogonal', 'torch_default', 'critical', 'mean_field'];
const RATES = [...Array(25).keys()].map(i => Number(`${RULE.digits[i % 4]}e${Math.floor(i / 4) - 5}`));
const KEYS = { act: 'act', init: 'init', sigmaW: 'sw', sigmaB: 'sb', depth: 'depth', width: 'width', opt: 'opt', lr: 'lr' };
const root = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)'), by = id => document.getElementById(id);
let setting = { ...START }, plane = null, asked = 0, waiting = 0;

// From a link's words; what is not understood or out of range is left as it begins.
function fromLink(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, '')), found = { ...START };
  if (words.has('sw') || words.has('sb')) found.init = 'mean_field';
  for (const [name, key] of Object.entries(KEYS)) if (words.has(key)) found[name] = typeof START[name] === 'number' ? Number(words.get(key)) : words.get(key);
  const within = (name, low, high) => { if (!(found[name] >= low && found[name] <= high)) found[name] = START[name]; };
  const among = (name, list) => { if (!list.includes(found[name])) found[name] = START[name]; };
  among('act', Object.keys(PHI)); among('init', INITS); among('opt', ['sgd', 'momentum', 'adam']);
  within('sigmaW', 0.1, 20); within('sigmaB', 0, 20); within('depth', 1, 40); within('width', 2, 4096); within('lr', 1e-6, 100);
  found.depth = Math.round(found.depth); found.width = Math.round(found.width);
  return found;
}
function toLink() {
  return '#' + Object.entries(KEYS).filter(([name]) => !name.startsWith('sigma') || setting.init === 'mean_field').map(([name, key]) => `${key}=${setting[name]}`).join('&');
}
function commandFor(s) {
  const init = s.init === 'mean_field' ? `init=mean_field init.sigma_w=${s.sigmaW} init.sigma_b=${s.sigmaB}` : `init=${s.init}`;
  const moves = s.opt === 'adam' ? 'optimizer=adam' : s.opt === 'momentum' ? `optimizer.momentum=${RULE.momentum}` : '';
  return `initlab forecast model=mlp model.depth=${s.depth} model.width=${s.width} model.activation=${s.act} ${init} ${moves} lr=${s.lr}`.replace(/ +/g, ' ');
}

function change(more) {
  const place = pointOf({ ...setting, ...more });
  if ('sigmaW' in more || 'sigmaB' in more) {        // from wherever the scheme has put it
    const size = extent(more.act ?? setting.act), { sigmaW = place.sigmaW, sigmaB = place.sigmaB } = setting.init === 'mean_field' || more.init ? setting : place;
    more = { init: 'mean_field', sigmaW, sigmaB, ...more };
    more.sigmaW = Number(clip(more.sigmaW, 0.1, size.w).toFixed(2)); more.sigmaB = Number(clip(more.sigmaB, 0, size.b).toFixed(2));
  } else if (more.init === 'mean_field') {
    const from = pointOf(setting);
    Object.assign(more, { sigmaW: Number(from.sigmaW.toFixed(2)), sigmaB: Number(from.sigmaB.toFixed(2)) });
  }
  if (more.opt && !('lr' in more)) more.lr = RULE.lr[more.opt];
  Object.assign(setting, more);
  draw();
}
function draw() {
  if (!asked) asked = requestAnimationFrame(() => { asked = 0; show(); });
  clearTimeout(waiting);
  waiting = setTimeout(() => { try { history.replaceState(null, '', toLink()); } catch { /* a page without an address */ } }, 300);
}

function show() {
  const point = pointOf(setting), found = forecast(setting), { verdict } = found, size = extent(setting.act), first = found.layers[0].square;
  by('verdict').className = `verdict ${{ [TRAINS]: 'trained', [NOT]: 'failed', [UNSURE]: '' }[verdict.word]}`;
  by('says').textContent = verdict.headline[0].toUpperCase() + verdict.headline.slice(1);
  by('why').textContent = sentence(verdict.why);
  by('dies').textContent = sentence(found.dies);
  by('record').textContent = `The rule: ${verdict.record}.`;
  for (const [id, high] of [['sigmaW', size.w], ['sigmaB', size.b]]) {
    by(id).max = high;
    by(id).value = point[id];
    by(`${id}-is`).textContent = point[id].toFixed(2);
  }
  for (const id of ['act', 'init', 'opt', 'depth']) by(id).value = setting[id];
  by('depth-is').textContent = setting.depth;
  by('width').value = Math.log2(setting.width);
  by('width-is').textContent = setting.width;
  by('lr').value = RATES.reduce((best, r, i) => Math.abs(Math.log(r / setting.lr)) < Math.abs(Math.log(RATES[best] / setting.lr)) ? i : best, 0) - 20;
  by('lr-is').textContent = g(setting.lr);
  by('suggestion').replaceChildren(...verdict.other === null ? [] : [`It is predicted to train at `, button(`lr ${g(verdict.other)}`, () => change({ lr: verdict.other }))]);
  plane = drawPlane(setting, point);
  drawMap(setting, point, first);
  drawLayers(found, setting);
  by('here').textContent = whereIs(setting, point, found);
  by('lesson').textContent = lesson(setting, point, first);
  by('command').textContent = commandFor(setting);
}
function whereIs(s, point, found) {
  const { chi } = journey(PHI[s.act], point, found.layers[0].square);
  const side = chi < 0.98 ? 'on the side of order' : chi > 1.02 ? 'on the side of chaos' : 'on the edge of chaos';
  const least = found.carries ? `${layersOf(found.carries).replace('one layer', 'a single hidden layer')} of this initialisation would` : 'no depth of this initialisation would';
  return `χ = ${brief(chi)}, ${side}. On the solid line, its edge, χ is 1 and the gradient keeps its size in a network of any depth. At ${layersOf(s.depth)} the rule lets the corridor between the dotted lines train; a deeper network has a narrower one${found.carries < s.depth ? `, and ${least}` : ''}.`;
}
function button(text, act) {
  const made = Object.assign(document.createElement('button'), { type: 'button', textContent: text });
  made.addEventListener('click', act);
  return made;
}

function dragged(event) {
  const { left, top } = by('plane').getBoundingClientRect(), { box, size } = plane;
  change({ sigmaW: (event.clientX - left - box.left) / (box.right - box.left) * size.w, sigmaB: (box.bottom - (event.clientY - top)) / (box.bottom - box.top) * size.b });
}
function keyed(event) {
  const step = (event.shiftKey ? 0.1 : 0.02) * extent(setting.act).w / 3.5, way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
  if (!way) return;
  event.preventDefault();
  const point = pointOf(setting);
  change({ sigmaW: point.sigmaW + way[0], sigmaB: point.sigmaB + way[1] });
  asked && cancelAnimationFrame(asked); asked = 0;
  show();
  by('point').focus();
}

function begin() {
  const remembered = name => { try { return name ? localStorage.setItem('initlab-theme', name) : localStorage.getItem('initlab-theme'); } catch { return null; } };
  const theme = name => { root.dataset.theme = name; draw(); };
  root.dataset.theme = remembered() ?? (system.matches ? 'dark' : 'light');
  system.addEventListener('change', () => { if (!remembered()) theme(system.matches ? 'dark' : 'light'); });
  by('theme').addEventListener('click', () => { theme(dark() ? 'light' : 'dark'); remembered(root.dataset.theme); });
  by('act').append(...Object.keys(PHI).map(name => new Option(name)));
  by('init').append(...INITS.map(name => new Option(LABELS[name], name)));
  by('examples').append(...EXAMPLES.map(([text, more]) => Object.assign(button(text, () => change({ ...more })), { className: 'chip' })));
  by('least').textContent = `gradient ${power(-SPAN)}: it fades`;
  by('most').textContent = `${power(SPAN)}: it explodes`;
  for (const id of ['act', 'init', 'opt']) by(id).addEventListener('change', () => change({ [id]: by(id).value }));
  for (const id of ['sigmaW', 'sigmaB', 'depth']) by(id).addEventListener('input', () => change({ [id]: Number(by(id).value) }));
  by('width').addEventListener('input', () => change({ width: 2 ** Number(by('width').value) }));
  by('lr').addEventListener('input', () => change({ lr: RATES[Number(by('lr').value) + 20] }));
  by('controls').addEventListener('submit', event => event.preventDefault());
  const svg = document.querySelector('#plane svg');
  svg.addEventListener('pointerdown', event => { svg.setPointerCapture(event.pointerId); dragged(event); });
  svg.addEventListener('pointermove', event => { if (svg.hasPointerCapture(event.pointerId)) dragged(event); });
  svg.addEventListener('keydown', keyed);
  const copied = (id, text) => by(id).addEventListener('click', async () => {
    const before = by(id).textContent;
    by(id).textContent = await navigator.clipboard.writeText(text()).then(() => 'Copied', () => 'Not allowed here');
    setTimeout(() => { by(id).textContent = before; }, 1200);
  });
  copied('copy', () => by('command').textContent);
  copied('link', () => location.href.replace(/#.*/, '') + toLink());
  addEventListener('hashchange', () => { if (location.hash !== toLink()) { setting = fromLink(location.hash); draw(); } });
  addEventListener('resize', () => { widths.clear(); draw(); });
  let before = '';                        // paper is light
  addEventListener('beforeprint', () => { before = root.dataset.theme; root.dataset.theme = 'light'; show(); });
  addEventListener('afterprint', () => { root.dataset.theme = before; show(); });
  setting = fromLink(location.hash);
  show();
  root.dataset.ready = 'yes';
}
// The integrals of the other activations, while nothing else happens, so that choosing one takes a frame too.
function prepare() {
  const smooth = Object.values(PHI).filter(phi => phi.kink === undefined), work = [];
  for (const phi of smooth) for (let k = (LOW - 1) * EACH; k <= (HIGHEST + 1) * EACH; k++) work.push(() => row(phi, k));
  for (const phi of smooth) work.push(() => coarse(phi), () => critical(phi, extent(phi.name)));
  const later = window.requestIdleCallback ?? (go => setTimeout(() => { const end = performance.now() + 5; go({ timeRemaining: () => end - performance.now() }); }, 30));
  later(function go(time) {
    while (work.length && time.timeRemaining() > 1) work.shift()();
    if (work.length) later(go);
  });
}
window.explorer = { forecast, steps: RULE.run_steps, fromLink, commandFor, criticalAt: (act, q) => criticalAt(PHI[act], q), setting: () => setting, change, show };
begin();
prepare();
