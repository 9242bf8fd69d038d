/* global OFFER, OFFER_INTEGRITY, TRIGGERS, TRIGGERS_INTEGRITY -- put in by the bundling step */
// From a decision to offers on the page, and back: what was shown, dismissed, clicked, and who signed up.
import { fetchScript } from "./script.js";

/** Patience for a coupon code, ms: the visitor is watching a button. */
const CLAIM = 8e3;

/** Returns the function that shows a decision; `free()` of it lists the slots that could take an offer now. */
export const offers = (link, emit) => {
  const open = {};
  const show = (decision) => link.device && decision?.offers?.forEach(link.guard((offer) => place(decision.decision, offer)));
  show.usual = ["popup", "bar", "slide-in"];
  show.free = () =>
    [...show.usual, ...[...document.querySelectorAll("[data-gloed-slot]")].map((place) => place.dataset.gloedSlot)].filter(
      (slot) => !open[slot] && !link.taken[slot],
    );

  // A withdrawn consent or another visitor: what is on the page goes, and nobody has dismissed it.
  show.clear = () => Object.values(open).map((page) => page.leave());

  const place = (decision, offer) => {
    const { id, slot, trigger } = offer;
    const name = slot || "popup";
    if (open[name] || link.taken[name]) return link.note("slot_taken", id);
    const page = link.taken;
    page[name] = 1;
    // Another address, a withdrawn consent or another visitor in the meantime: what was decided holds no more.
    const stands = () => page === link.taken;
    const fire = link.guard(() => stands() && begin(decision, offer, name));
    const { kind = "now", seconds } = trigger || {};
    if (kind === "now") fire();
    else if (kind === "delay") setTimeout(fire, seconds * 1e3);
    else fetchScript(link, TRIGGERS, TRIGGERS_INTEGRITY, (watch) => watch(link, trigger, stands, fire));
  };

  // The moment of the offer's trigger.
  const begin = (decision, offer, name) => {
    const { id, content } = offer;
    const report = (event, more) => link.capture(1, event, { offer: id, decision, ...more });
    // Held out: the exposure counts, nothing is shown.
    if (!content) return report("offer_shown");
    const detail = { decision, ...offer };
    emit("offer", detail);
    // A shop that shows offers itself says so by preventing ours.
    if (!dispatchEvent(new CustomEvent("gloed:offer", { detail, cancelable: true }))) return;
    const page = (open[name] = {
      shown: () => report("offer_shown"),
      clicked: () => report("offer_clicked"),
      dismissed: () => report("offer_dismissed"),
      closed: () => delete open[name],
      // The renderer's own, once it has drawn.
      leave: () => page.closed(),
      // Resolves to the code, to nothing when there is none, and to `false` when nobody answered, or the sign-up has not
      // arrived yet: then asking again helps.
      signUp: (email) => {
        dispatchEvent(new CustomEvent("gloed:signup", { detail: { email, offer: id } }));
        report("sign_up", { email, method: "offer" });
        return page.claim();
      },
      claim: () =>
        link
          .decide({ slots: [], claim: id }, CLAIM)
          .then(({ claimed, reasons }) => !reasons[0] && claimed?.refused !== "goal_not_reached" && (claimed?.code || "")),
    });
    fetchScript(link, OFFER, OFFER_INTEGRITY, (render) => open[name] === page && render(offer, page));
  };
  return show;
};
