// What visitors do, by class: whether it is leaving, and the input that does it. See README.md for what each class stands for.
import { reach, rest, stroke } from "./human.mjs";

/** The desktop page lies inside this frame of the window: the browser's own strip above it, the desk around it. */
export const FRAME = { left: 60, top: 100, width: 1160, height: 700 };
/** The phone's page. */
export const PHONE = { width: 390, height: 760 };

const inside = (dice, low = 0.25, high = 0.9) => [
  FRAME.left + FRAME.width * dice.between(0.1, 0.9),
  FRAME.top + FRAME.height * dice.between(low, high),
];
const move = (points) => points.map((point) => (point ? { move: point } : { wait: 1 }));
const walk = (dice, from, to, width, hurry) => move(reach(dice, from, to, width, hurry));
const hold = (dice, at, low, high) => move(rest(dice, at, dice.between(low, high)));
// Reading before whatever comes: a small movement and a rest.
const settle = (dice, at) => {
  const near = [at[0] + dice.between(-60, 60), at[1] + dice.between(-40, 40)];
  return [{ move: near }, ...hold(dice, near, 150, 500), ...walk(dice, near, at, 20), ...hold(dice, at, 100, 300)];
};

// To something of the browser's above the page; `x` is its place, `y` how far above the edge it lies.
const away = (dice, [low, high], y) => {
  const at = inside(dice);
  const goal = [FRAME.left + FRAME.width * dice.between(low, high), FRAME.top - dice.between(...y)];
  return [...settle(dice, at), ...walk(dice, at, goal, dice.between(18, 45), dice.between(0.8, 1.6)), ...hold(dice, goal, 250, 500)];
};

const header = (dice) => [FRAME.left + FRAME.width * dice.between(0.1, 0.75), FRAME.top + dice.between(14, 44)];

const tap = (dice, at) => ({ touch: { from: at, path: [[at[0] + dice.between(-1, 1), at[1]]] } });
const finger = (dice) => [dice.between(120, 330), dice.between(330, 480)];
const flick = (dice, distance, low, high) => {
  const at = finger(dice);
  const room = distance > 0 ? PHONE.height - 20 - at[1] : at[1] - 20;
  return { touch: stroke(dice, at, Math.sign(distance) * Math.min(Math.abs(distance), room), dice.between(low, high)) };
};
const pause = (dice, low, high) => ({ wait: Math.round(dice.between(low, high) / 18) });
// Down the page, as far as a few strokes carry.
const deeper = (dice, times) =>
  Array.from({ length: times }, () => [flick(dice, -dice.between(230, 330), 90, 200), pause(dice, 150, 450)]).flat();

const desktop = (exit, script) => ({ exit, phone: false, script });
const phone = (exit, script) => ({ exit, phone: true, script });

export const CLASSES = {
  close: desktop(true, (dice) => away(dice, [0.88, 1.04], [50, 90])),
  address: desktop(true, (dice) => away(dice, [0.15, 0.7], [20, 45])),
  "back-button": desktop(true, (dice) => away(dice, [-0.02, 0.08], [20, 45])),

  side: desktop(false, (dice) => {
    const at = inside(dice, 0.05);
    const [x, y] = [FRAME.left + FRAME.width * dice.unit(), FRAME.top + FRAME.height * dice.between(0.02, 1)];
    const goals = [[FRAME.left - dice.between(10, 50), y], [FRAME.left + FRAME.width + dice.between(10, 50), y], [x, FRAME.top + FRAME.height + dice.between(10, 60)]];
    const goal = dice.pick(goals);
    return [...settle(dice, at), ...walk(dice, at, goal, 40, dice.between(0.8, 1.6)), ...hold(dice, goal, 200, 600)];
  }),
  autocomplete: desktop(false, (dice) => {
    const [at, field] = [inside(dice), [FRAME.left + dice.between(830, 1080), FRAME.top + dice.between(20, 38)]];
    // The browser's list lies below the field, in front of the page; a look above the edge is not uncommon.
    const entry = [field[0] + dice.between(-60, 60), FRAME.top + dice.between(70, 200)];
    const typed = Array.from({ length: dice.whole(1, 4) }, () => [{ key: dice.pick([..."abelort"]) }, pause(dice, 80, 200)]).flat();
    return [...settle(dice, at), ...walk(dice, at, field, 25), { click: 1 }, ...typed, { list: 1 }, ...walk(dice, field, entry, 20),
      ...hold(dice, entry, 200, 500), ...walk(dice, entry, [entry[0], entry[1] - dice.between(10, 60)], 20), ...hold(dice, entry, 100, 300), { list: 0 }];
  }),
  "link-near-top": desktop(false, (dice) => {
    const [at, link] = [inside(dice), header(dice)];
    const beyond = [link[0] + dice.between(-20, 20), FRAME.top - dice.between(4, 30)];
    // One in three is carried past the edge and comes back; one in three takes the pointer out of the way after the click.
    const way = dice.unit() < 1 / 3
      ? [...walk(dice, at, beyond, 30, 1.3), ...walk(dice, beyond, link, 25, 2)]
      : walk(dice, at, link, 25, dice.between(0.8, 1.5));
    const after = dice.unit() < 1 / 3 ? [pause(dice, 50, 500), ...walk(dice, link, [link[0] + 40, FRAME.top - 40], 40)] : [];
    return [...settle(dice, at), ...way, ...hold(dice, link, 60, 200), { click: 1 }, ...after, ...hold(dice, link, 300, 500).map(() => ({ wait: 1 }))];
  }),
  "menu-near-top": desktop(false, (dice) => {
    const [at, one, two] = [inside(dice), header(dice), header(dice)];
    const drift = [two[0] + dice.between(-30, 30), FRAME.top - dice.between(1, 6)];
    // Along the menu, then rest there; some let the hand sink or drift over the edge, slowly.
    const drifting = dice.unit() < 1 / 3 ? move(Array.from({ length: 60 }, (_, step) => [two[0], two[1] + ((drift[1] - two[1]) * (step + 1)) / 60])) : [];
    return [...settle(dice, at), ...walk(dice, at, one, 40, dice.between(0.8, 1.6)), ...hold(dice, one, 100, 300), ...walk(dice, one, two, 40),
      ...hold(dice, two, 200, 400), ...drifting, pause(dice, 300, 500)];
  }),
  "tab-by-key": desktop(false, (dice) => {
    const at = dice.unit() < 0.5 ? inside(dice) : header(dice);
    return [...settle(dice, at), { hide: dice.between(300, 900) }, ...hold(dice, at, 200, 400)];
  }),
  reading: desktop(false, (dice) => {
    let at = inside(dice, 0.05);
    const script = settle(dice, at);
    for (let turns = dice.whole(2, 4); turns > 0; turns--) {
      const next = inside(dice, 0.03);
      script.push(...walk(dice, at, next, 60, dice.between(0.7, 1.6)), { wheel: dice.pick([-240, -120, 120, 240, 360]) }, ...hold(dice, next, 100, 300));
      at = next;
    }
    return script;
  }),
  arrival: desktop(false, (dice) => {
    // A new page, and the hand still on its way from or to the address bar.
    const at = inside(dice, 0.05, 0.5);
    const goal = [at[0] + dice.between(-100, 100), FRAME.top - dice.between(20, 80)];
    return [{ fresh: 1 }, { move: at }, pause(dice, 100, 900), ...walk(dice, at, goal, 30, 1.3), ...hold(dice, goal, 300, 500)];
  }),

  "scroll-up-fast": phone(true, (dice) => [
    ...deeper(dice, dice.whole(3, 5)), pause(dice, 300, 700),
    ...Array.from({ length: dice.whole(2, 4) }, () => [flick(dice, dice.between(230, 340), 60, 130), pause(dice, 80, 220)]).flat(), pause(dice, 300, 400),
  ]),
  absence: phone(true, (dice) => [...deeper(dice, dice.whole(1, 2)), { hide: dice.between(6000, 9000) }, pause(dice, 400, 600)]),

  "scroll-up-to-menu": phone(false, (dice) => {
    // By strokes, or by flicks as quick as those that went down, some of them in haste.
    const up = dice.unit() < 0.5 ? [120, 260, 280, 480] : [230, 340, 90, 200];
    const turns = Array.from({ length: dice.whole(2, 4) }, () => [flick(dice, dice.between(up[0], up[1]), up[2], up[3]), pause(dice, 150, 600)]);
    return [...deeper(dice, dice.whole(3, 4)), pause(dice, 200, 500), ...turns.flat(), pause(dice, 300, 400)];
  }),
  "reading-by-thumb": phone(false, (dice) =>
    Array.from({ length: dice.whole(4, 7) }, () => [
      dice.unit() < 0.75 ? flick(dice, -dice.between(120, 300), 120, 350) : flick(dice, dice.between(40, 160), 120, 300),
      pause(dice, 150, 500),
    ]).flat(),
  ),
  glance: phone(false, (dice) => [...deeper(dice, dice.whole(1, 2)), { hide: dice.between(400, 4000) }, pause(dice, 400, 600)]),
  "to-top-button": phone(false, (dice) => [
    ...deeper(dice, dice.whole(3, 5)), pause(dice, 700, 1100), tap(dice, [350 + dice.between(-8, 8), 700 + dice.between(-8, 8)]), pause(dice, 900, 1300),
  ]),
};
