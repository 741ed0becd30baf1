"""The forecast of any module, from one pass forwards and back: what is measured, the rule on it, what would fix it."""
