// Whether a visitor is about to leave: from what the pointer, the finger and the page's visibility do.
//
// A pointer leaves by the top edge, upwards and with some speed, and is not back a moment later. Not leaving are: the other edges;
// the browser's own lists, which lie over the page (the pointer is still inside it, or a field has the keyboard); a click a moment
// ago; a page that is not looked at. A finger scrolls up fast, after it was far down; or the page was away for a while, on a device
// that is touched. What was measured is in tests/traces.

/** Nobody leaves a page before they have looked at it, ms. */
const SETTLED = 3000;
/** How long after a press a pointer goes where it goes, ms. */
const PRESSED = 1500;
/** Over how long speed is measured, ms. */
const SPAN = 120;
/** Least speed upwards, px a ms. */
const LEAST = 0.15;
/** How long a pointer stays away before it counts as gone, ms: who overshoots the menu is back by then. */
const BACK = 150;
/** Fast for a finger, px a ms. */
const FAST = 3;
/** Since a page was last touched, ms: what scrolls later is not the finger's. */
const TOUCHED = 1500;
/** Away for so long is absence, ms. */
const ABSENCE = 5000;

/** `on(types, run)` listens, `wait(ms, run)` waits for one thing at a time, `cancel()` no longer. */
export const leaving = (on, wait, cancel, leaves) => {
  const since = performance.now();
  let path = [];
  let pressed = -PRESSED;
  let touched;
  let deepest = 0;
  let left;

  // Speed along the page, upwards positive, over the last moment.
  const speed = (time, place) => {
    path.push([time, place]);
    path = path.filter(([then]) => time - then <= SPAN);
    const [then, from] = path[0];
    return time > then ? (from - place) / (time - then) : 0;
  };
  const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element?.tagName) || element?.isContentEditable;

  on("mousemove", ({ timeStamp, clientY }) => {
    cancel();
    speed(timeStamp, clientY);
  });
  on("mouseout", ({ timeStamp, clientX, clientY, relatedTarget }) => {
    if (relatedTarget) return;
    const up = speed(timeStamp, clientY);
    path = [];
    if (
      up >= LEAST && clientY <= 0 && clientX >= 0 && clientX <= innerWidth &&
      timeStamp - since > SETTLED && timeStamp - pressed > PRESSED && !isField(document.activeElement)
    )
      wait(BACK, leaves);
  });
  on("mousedown keydown", ({ timeStamp }) => {
    cancel();
    pressed = timeStamp;
  });
  on("touchstart", ({ timeStamp }) => {
    touched = timeStamp;
  });
  on("click", ({ timeStamp }) => {
    pressed = timeStamp;
  });
  on("scroll", ({ timeStamp, target }) => {
    if (target !== document) return;
    deepest = Math.max(deepest, scrollY);
    const up = speed(timeStamp, scrollY);
    if (up >= FAST && deepest > innerHeight && timeStamp - touched < TOUCHED && timeStamp - pressed > PRESSED && timeStamp - since > SETTLED) leaves();
  });
  on("visibilitychange", ({ timeStamp }) => {
    cancel();
    if (document.hidden) left = timeStamp;
    else if (touched && timeStamp - left >= ABSENCE) leaves();
  });
};
