// Programs against the declarations: those that must compile, and, marked, those that must not. Checked by the bundling
// step; nothing here runs.
import type { Decision } from "./gloed";

gloed("track", "add_to_cart", { value: 79.95, currency: "EUR", items: [{ item_id: "J-17", price: "79,95", quantity: 1 }] });
gloed("track", "configurator.opened", { step: 2, colour: "rood", first: true });
gloed("set", { newsletter: true, birthday: null });
gloed("consent", "granted");
gloed("reset");
gloed("on", "offer", (offer) => console.log(offer.id, offer.decision));
gloed("on", "receipt", ({ status, code }) => console.log(status, code));
addEventListener("gloed:signup", (event) => console.log(event.detail.email));
addEventListener("gloed:offer", (event) => event.preventDefault());

export const read = async (): Promise<string[]> => {
  const decision: Decision = await window.gloed("decide", { slots: ["popup"], properties: { type: "cart" } });
  const reasons: string[] = decision.reasons;
  return [...reasons, ...decision.offers.map((offer) => offer.content?.title ?? offer.variant)];
};

// @ts-expect-error There is no such command.
gloed("identify", "somebody");
// @ts-expect-error A choice is one of two.
gloed("consent", "maybe");
// @ts-expect-error Attributes are scalars.
gloed("set", { address: { street: "x" } });
// @ts-expect-error A decision is a promise.
export const wrong: Decision = gloed("decide");
