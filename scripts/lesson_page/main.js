// The page: a card a lesson, which shows its answers once all of its asks are answered.

const root = document.documentElement, by = id => document.getElementById(id);
const system = matchMedia('(prefers-color-scheme: dark)');
let seed = 0, lessons = [], scores = [];

function make(name, more = {}, ...inside) {
  const { data = {}, ...plain } = more, made = Object.assign(document.createElement(name), plain);
  Object.assign(made.dataset, data);
  made.append(...inside);
  return made;
}
const half = x => x % 1 ? `${Math.floor(x) || ''}½` : String(x);
const WORDS = { 1: ['Right', 'good'], 0.5: ['Near', 'near'], 0: ['Missed', 'bad'] };

function cardOf(lesson, i) {
  const asks = lesson.asks.map((ask, k) => askOf(ask, `q${i}-${k}`));
  const facts = [['network', lesson.network], ['start', lesson.start], ['training', lesson.training]];
  const form = make('form', { noValidate: true, autocomplete: 'off' }, ...asks.map(a => a.box), make('button', { type: 'submit', className: 'look', textContent: 'Look' }));
  const card = make('section', { className: 'card', id: `lesson-${i + 1}` },
    make('p', { className: 'place', textContent: `${i + 1} of ${lessons.length}` }),
    make('h2', { textContent: lesson.question }),
    make('dl', { className: 'net' }, ...facts.flatMap(([name, text]) => [make('dt', { textContent: name }), make('dd', { textContent: text })])), form);
  form.addEventListener('submit', event => {
    event.preventDefault();
    const given = asks.map(a => a.read());
    const missing = given.indexOf(null);
    if (missing >= 0) return asks[missing].focus();
    asks.forEach(a => a.close());
    form.lastChild.remove();
    scores[i] = lesson.asks.map((ask, k) => pointsOf(ask, given[k]));
    const shown = revealOf(lesson, scores[i]);
    card.append(shown);
    shown.focus({ preventScroll: true });
    total();
  });
  return card;
}

function askOf(ask, name) {
  const sorry = make('p', { className: 'sorry', id: `${name}-sorry`, role: 'alert' });
  const box = make('fieldset', {}, make('legend', { textContent: ask.text }));
  const say = text => { sorry.textContent = text; return text ? null : undefined; };
  if (ask.kind === 'choice') {
    const inputs = ask.options.map((option, k) => {
      const input = make('input', { type: 'radio', name, value: String(k) });
      box.append(make('label', { className: 'option' }, input, option));
      return input;
    });
    box.append(sorry);
    box.addEventListener('change', () => say(''));
    return {
      box, focus: () => inputs[0].focus(), close: () => { box.disabled = true; },
      read: () => { const at = inputs.findIndex(input => input.checked); return at < 0 ? say(`Choose ${ask.options.join(', or ')}.`) : at; },
    };
  }
  const input = make('input', { type: 'text', name, className: 'typed', spellcheck: false, autocapitalize: 'off', inputMode: 'text' });
  input.setAttribute('aria-label', ask.text);
  input.setAttribute('aria-describedby', `${name}-how ${name}-sorry`);
  box.append(input, make('p', { className: 'how', id: `${name}-how`, textContent: howOf(ask) }), sorry);
  input.addEventListener('input', () => say(''));
  const read = () => {
    const value = ask.kind === 'layer' ? layerOf(input.value, ask.last) : numberOf(input.value);
    const wanted = ask.kind === 'layer' ? `a layer from 0 to ${ask.last}, or none` : 'a number above 0, such as 0.02, 1e-5, 10^-5 or 1/30';
    return value ?? say(`${input.value.trim() || 'Nothing'}: must be ${wanted}.`);
  };
  return { box, focus: () => input.focus(), close: () => { box.disabled = true; }, read };
}

function revealOf(lesson, earned) {
  const box = make('div', { className: 'reveal', tabIndex: -1, role: 'group', ariaLabel: 'What happened' });
  lesson.asks.forEach((ask, k) => {
    const [word, tone] = WORDS[earned[k]];
    box.append(make('p', { className: `mark ${tone}` }, make('b', { textContent: `${word}: ${rightOf(ask)}` }), make('span', { textContent: `recorded: ${ask.seen}`.replace(/^recorded: (?=.*by the theory)/, '') })));
  });
  box.append(make('p', { className: 'reason', textContent: lesson.why }));
  const { says, dies, wrong, stds } = lesson.forecast;
  if (says) box.append(make('p', { className: 'forecast' }, make('b', { textContent: 'Forecast ' }), `${says}.`, ...dies ? [` ${dies[0].toUpperCase()}${dies.slice(1)}.`] : [], ...wrong ? [make('em', { textContent: ' Here the forecast is wrong; the run decides.' })] : []));
  if (stds.length > 3) box.append(make('figure', {}, chartOf(stds), make('figcaption', { textContent: 'Predicted std of each dense layer’s output before the first update' })));
  box.append(make('p', { className: 'see' }, 'See it: page ', make('b', { textContent: lesson.page }), ' of the gallery, or'), make('pre', { className: 'command', textContent: `initlab train ${lesson.words.join(' ')}` }));
  return box;
}

function total() {
  const done = scores.filter(Boolean), got = done.flat().reduce((sum, x) => sum + x, 0), asked = done.flat().length;
  by('score').textContent = asked ? `${half(got)} of ${asked}` : '';
  by('end').hidden = done.length < lessons.length;
  if (done.length < lessons.length) return;
  const missed = lessons.filter((_, i) => scores[i].some(x => x < 1));
  by('end-score').textContent = `${half(got)} of ${asked}`;
  by('again').replaceChildren(...missed.length ? ['Look again at ', ...missed.flatMap((lesson, k) => [...k ? [', '] : [], make('a', { href: `#lesson-${lessons.indexOf(lesson) + 1}`, textContent: lesson.page })]), '.'] : ['Nothing to look at again.']);
}

function deal(number) {
  seed = number;
  lessons = sheetOf(seed);
  scores = lessons.map(() => null);
  by('cards').replaceChildren(...lessons.map(cardOf));
  for (const at of document.querySelectorAll('.seed')) at.textContent = seed;
  by('seed').value = seed;
  total();
}
function fromLink() {
  const asked = seedOf(new URLSearchParams(location.hash.slice(1)).get('seed') ?? '');
  return asked ?? null;
}
function toLink(number) { try { history.replaceState(null, '', `#seed=${number}`); } catch { /* a page without an address */ } }
const any = () => Math.floor(Math.random() * 1000);

function begin() {
  const remembered = name => { try { return name ? localStorage.setItem('initlab-theme', name) : localStorage.getItem('initlab-theme'); } catch { return null; } };
  const theme = name => { root.dataset.theme = name; };
  theme(remembered() ?? (system.matches ? 'dark' : 'light'));
  system.addEventListener('change', () => { if (!remembered()) theme(system.matches ? 'dark' : 'light'); });
  by('theme').addEventListener('click', () => { theme(root.dataset.theme === 'dark' ? 'light' : 'dark'); remembered(root.dataset.theme); });
  const fresh = number => { toLink(number); deal(number); scrollTo(0, 0); };
  by('deal').addEventListener('submit', event => {
    event.preventDefault();
    const number = seedOf(by('seed').value.trim());
    by('seed-sorry').textContent = number === null ? `${by('seed').value.trim() || 'Nothing'}: must be a whole number such as 3.` : '';
    if (number !== null) fresh(number);
  });
  by('another').addEventListener('click', () => fresh(any()));
  by('once-more').addEventListener('click', () => fresh(any()));
  addEventListener('hashchange', () => { const number = fromLink(); if (number !== null && number !== seed) deal(number); });
  let before = '';                        // paper is light
  addEventListener('beforeprint', () => { before = root.dataset.theme; theme('light'); });
  addEventListener('afterprint', () => theme(before));
  const asked = fromLink();
  if (asked === null && !location.hash.startsWith('#lesson-')) toLink(seed = any());
  deal(asked ?? seed);
  root.dataset.ready = 'yes';
}
window.lessons = { sheetOf, numberOf, layerOf, pointsOf, deck: DECK };
begin();
