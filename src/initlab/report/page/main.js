// Begins: the theme first, then the figures, then the pictures.

const root = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)');
const kept = (name) => { try { return name ? localStorage.setItem('initlab-theme', name) : localStorage.getItem('initlab-theme'); } catch { return null; } };
root.dataset.theme = kept() ?? (system.matches ? 'dark' : 'light');

function setTheme(name) {
  root.dataset.theme = name;
  redraw();
  document.dispatchEvent(new Event('theme'));
}

async function begin() {
  const toggle = document.getElementById('theme');
  toggle.addEventListener('click', () => { setTheme(dark() ? 'light' : 'dark'); kept(root.dataset.theme); });
  system.addEventListener('change', () => { if (!kept()) setTheme(system.matches ? 'dark' : 'light'); });
  document.querySelectorAll('[data-copy]').forEach(button => button.addEventListener('click', async () => {
    const text = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(text);     // where the browser does not let a page write, Ctrl-C does
    button.textContent = await navigator.clipboard.writeText(text.textContent).then(() => 'Copied', () => 'Selected');
  }));
  if (!('DecompressionStream' in window)) throw new Error('the browser is older than 2023');
  const [library, figures, blob] = await Promise.all(['plotly', 'figures', 'blob'].map(unpack));
  document.head.append(make('script', { textContent: new TextDecoder().decode(library) }));
  const data = JSON.parse(new TextDecoder().decode(figures));
  (data.kind === 'run' ? runPage : sweepPage)(data, blob);
  root.dataset.ready = 'yes';
}

document.addEventListener('DOMContentLoaded', () => begin().catch(error => {
  document.getElementById('sorry').hidden = false;
  document.getElementById('sorry-why').textContent = error.message;
  console.error(error);
}));
