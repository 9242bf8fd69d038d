// How people move a pointer and a finger, as scripts of input for a real browser.
//
// A movement of the hand follows the path of least jerk (Flash and Hogan 1985) and takes a time that grows with the logarithm of
// distance over width (Fitts 1954); it is bent, trembles, and is sometimes corrected at its end. Nothing here knows how leaving is
// detected.

/** Time between two positions of the pointer, ms: what a browser's frame and the driver come to. */
export const TICK = 18;

/** Numbers from a seed, alike everywhere (mulberry32). */
export const random = (seed) => {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const between = (low, high) => low + (high - low) * unit();
  return { unit, between, whole: (low, high) => Math.floor(between(low, high + 1)), pick: (list) => list[Math.floor(unit() * list.length)] };
};

/** Positions from one point to another, one a tick. `hurry` of 1 is an ordinary hand, 2 one that is twice as fast. */
export const reach = (dice, from, to, width = 30, hurry = 1) => {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const distance = Math.hypot(dx, dy);
  const time = ((dice.between(90, 200) + dice.between(100, 170) * Math.log2(distance / width + 1)) / hurry) * dice.between(0.8, 1.3);
  const steps = Math.max(2, Math.round(time / TICK));
  const bend = dice.between(-0.12, 0.12) * distance;
  const path = [];
  for (let step = 1; step <= steps; step++) {
    const part = step / steps;
    const way = part ** 3 * (10 - 15 * part + 6 * part ** 2);
    const aside = (Math.sin(Math.PI * way) * bend) / (distance || 1);
    path.push([from[0] + dx * way - dy * aside + dice.between(-1, 1), from[1] + dy * way + dx * aside + dice.between(-1, 1)]);
  }
  return path;
};

/** A hand that rests: the same place, with a little trembling, for so many ms. */
export const rest = (dice, at, time) =>
  Array.from({ length: Math.max(1, Math.round(time / TICK)) }, () => (dice.unit() < 0.15 ? [at[0] + dice.whole(-1, 1), at[1] + dice.whole(-1, 1)] : null));

/** A stroke of a finger: down at `from`, `distance` px along the page (downwards positive) in `time` ms, up. */
export const stroke = (dice, from, distance, time) => {
  const steps = Math.max(2, Math.round(time / TICK));
  const path = [];
  for (let step = 1; step <= steps; step++) {
    // A flick is let go while it is moving; a slow stroke ends almost at rest.
    const part = step / steps;
    const way = time < 260 ? part ** 1.3 : part * (2 - part);
    path.push([from[0] + dice.between(-3, 3), from[1] + distance * way]);
  }
  return { from, path };
};
