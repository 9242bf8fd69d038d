// Without the core: the parameters of a capture as the loader can send them.

/**
 * Rewrites a capture's parameters in GA4's plain form; false when only the core could tell what it is. Of a data layer
 * nothing else is kept: it holds the shop's whole state.
 */
export const simplify = (capture) => {
  const given = JSON.parse(capture.params);
  const { value, currency, transaction_id, items, item, ...rest } = given.ecommerce || given;
  const one = item && (item.id ? item : { ...rest, id: item });
  const layer = capture.source & 12;
  capture.params = JSON.stringify({ ...(layer ? {} : rest), value, currency, transaction_id, items: items?.slice(0, 20) || (one && [one]) });
  return capture.name;
};
