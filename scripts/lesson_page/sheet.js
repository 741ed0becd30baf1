// The sheet of a seed, as initlab.lessons.sheet deals it.

const SEEDS = 2 ** 32, GOLDEN = 2654435769;
function numbersOf(seed) {
  let state = Math.imul(seed, GOLDEN) >>> 0;
  return n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ state >>> 16, GOLDEN) >>> 0;
    return Math.floor(((mixed ^ mixed >>> 15) >>> 0) * n / SEEDS);
  };
}
function sheetOf(seed) {
  const draw = numbersOf(seed), chosen = [];
  DECK.forEach((page, i) => {
    const take = draw(DECK.length - i) < LENGTH - chosen.length, lesson = page.lessons[draw(page.lessons.length)];
    if (take) chosen.push({ page: page.page, question: page.question, ...lesson });
  });
  return chosen;
}
const seedOf = text => /^\d+$/.test(text) && Number(text) < SEEDS ? Number(text) : null;
