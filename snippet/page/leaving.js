// Whether a visitor is about to leave: from what the pointer, the finger and the page's visibility do.
//
// A pointer leaves by the top edge, upwards and with some speed, and is not back a moment later. Not leaving are: the other edges;
// the browser's own lists, which lie over the page (the pointer is still inside it, or a field has the keyboard); a click a moment
// ago; a page that is not looked at. A finger scrolls up fast, stroke upon stroke, after it was far down; or the page was away for a
// while, on a device that is touched. What was measured is in tests/traces.

/** Nobody leaves a page before they have looked at it, ms. */
const SETTLED = 3000;
/** How long after a press or a key the pointer and the page go on by it, ms. */
const PRESSED = 1500;
/** Over how long the pointer's speed is measured, ms, and the least speed upwards, px a ms. */
const REACH = 120;
const LEAST = 0.1;
/** How long a pointer stays away before it counts as gone, ms: who overshoots the menu is back by then. */
const BACK = 350;
/** Half a screen in so long is a fast scroll, ms, and strokes that begin within so long of each other are hurried: both are leaving. */
const FLING = 300;
const HURRY = 500;
/** Since the page was last touched, ms: what scrolls later is not the finger's. */
const TOUCHED = 1500;
/** Away for so long is absence, ms. */
const ABSENCE = 5000;

/** `on(types, run)` listens, `wait(ms, run)` waits for one thing at a time, `cancel()` no longer. */
export const leaving = (on, wait, cancel, leaves) => {
  const since = performance.now();
  // Where the pointer was, and how far the page was scrolled, a moment ago.
  const pointer = [];
  const finger = [];
  let pressed = -PRESSED;
  let touched;
  let hurried;
  let deepest = 0;
  let left;

  // Adds a place along the page, and gives those of the last `span` ms, the oldest first.
  const last = (path, span, time, place) => {
    path.push([time, place]);
    while (time - path[0][0] > span) path.shift();
    return path;
  };
  const may = (time) => time - since > SETTLED && time - pressed > PRESSED;
  const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element?.tagName) || element?.isContentEditable;

  on("mousemove", ({ timeStamp, clientY }) => {
    cancel();
    last(pointer, REACH, timeStamp, clientY);
  });
  on("mouseout", ({ timeStamp, clientX, clientY, relatedTarget }) => {
    if (relatedTarget) return;
    const [[time, place]] = last(pointer, REACH, timeStamp, clientY);
    const up = place - clientY;
    const top = clientY <= 0 && clientX >= 0 && clientX <= innerWidth;
    if (top && up > LEAST * (timeStamp - time) && may(timeStamp) && !isField(document.activeElement)) wait(BACK, leaves);
  });
  on("mousedown keydown", ({ timeStamp }) => {
    cancel();
    pressed = timeStamp;
  });
  on("touchstart", ({ timeStamp }) => {
    hurried = timeStamp - touched < HURRY;
    touched = timeStamp;
  });
  on("click", ({ timeStamp }) => {
    pressed = timeStamp;
  });
  on("scroll", ({ timeStamp, target }) => {
    if (target !== document || !touched) return;
    deepest = Math.max(deepest, scrollY);
    const up = Math.max(...last(finger, FLING, timeStamp, scrollY).map(([, place]) => place)) - scrollY;
    if (hurried && up > innerHeight / 2 && deepest > innerHeight && timeStamp - touched < TOUCHED && may(timeStamp)) leaves();
  });
  on("visibilitychange", ({ timeStamp }) => {
    cancel();
    if (document.hidden) left = timeStamp;
    else if (touched && timeStamp - left >= ABSENCE) leaves();
  });
};
