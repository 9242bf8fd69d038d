// The shop's data layer, in its two shapes: objects, and gtag's `arguments`.

const OBJECT = 4;
const ARGUMENTS = 8;
const NAMES =
  /^(view_(item(_list)?|cart|promotion|search_results)|select_(item|promotion)|add_(to_cart|to_wishlist|shipping_info|payment_info)|remove_from_cart|begin_checkout|purchase|refund|sign_up|login|generate_lead|search)$/;

/**
 * Returns what reads the layer: all that it holds, then each push. To be called again and again, since a page may make
 * its layer late, or anew. The layer is never made by us.
 */
export const watch = (link) => {
  // What was read already, for looking through the array; pushing one object twice says it twice.
  const seen = new WeakSet();
  const read = (entry) => {
    if (!entry || typeof entry !== "object") return;
    seen.add(entry);
    if (entry[0] === "event") NAMES.test(entry[1]) && link.capture(ARGUMENTS, entry[1], entry[2]);
    // Without a name of GA4's it is Universal Analytics', which only its content tells.
    else if (NAMES.test(entry.event)) link.capture(OBJECT, entry.event, entry);
    else if (entry.ecommerce) link.capture(OBJECT, "", { ecommerce: entry.ecommerce });
  };
  let watched;
  return link.guard(() => {
    const layer = window[link.tag.dataset.layer || "dataLayer"];
    if (!layer?.push) return;
    const known = layer === watched;
    watched = layer;
    for (const entry of [...layer]) seen.has(entry) || link.guard(read)(entry);
    if (known) return;
    const original = layer.push;
    layer.push = function (...entries) {
      const length = original.apply(this, arguments);
      entries.forEach(link.guard(read));
      return length;
    };
  });
};
