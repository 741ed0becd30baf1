// Figures: unpacked from the page, and what their codes stand for (see figures.py).

const FIRST = 3, A_DECADE = 600, DECADES = 50, SHARES = 60000;
const LINEAR = new Set(['dead']);

async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Rows of a picture, a layer each: log10 of the figure, or the share; null where the code has no number.
function table(blob, picture, linear) {
  const width = picture.steps.length, view = new DataView(blob.buffer, blob.byteOffset + picture.at);
  return picture.layers.map((_, row) => picture.steps.map((_, column) => {
    const code = view.getUint16(2 * (row * width + column), true);
    const value = linear ? (code - FIRST) / SHARES : (code - FIRST) / A_DECADE - DECADES;
    return { value: code < FIRST ? null : value, mark: ['absent', 'zero', 'broken'][code] };
  }));
}

function inWords(cell, linear) {
  if (cell.mark) return { absent: 'not recorded', zero: 'exactly 0', broken: 'nan or inf' }[cell.mark];
  return linear ? `${(100 * cell.value).toFixed(1)} %` : brief(10 ** cell.value);
}

function brief(value) {
  if (value === null || value === undefined) return 'none';
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function percentile(values, share) {
  const sorted = values.filter(v => v !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : null;
}

function power(exponent) {
  const digits = String(exponent).replace(/[-0-9]/g, d => ({ '-': '⁻' }[d] ?? '⁰¹²³⁴⁵⁶⁷⁸⁹'[d]));
  return exponent === 0 ? '1' : exponent === 1 ? '10' : `10${digits}`;
}
