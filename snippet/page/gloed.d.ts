/** The page's API: `window.gloed`, which the script tag makes. Calls before it is there are kept by the stub queue. */

/** A value that a property or attribute may have. */
export type Scalar = string | number | boolean;

/** One article of a commerce event, in GA4's words; only an id (or a name) is needed. */
export interface Item {
  item_id?: string | number;
  item_name?: string;
  item_category?: string;
  item_variant?: string;
  /** Price of one: a number, or text as shops write it (`"79,95"`). */
  price?: number | string;
  quantity?: number | string;
}

/** What `track` takes beside the name. Whatever has no place of its own becomes a property. */
export interface Properties {
  value?: number | string;
  /** Three letters of ISO 4217; the site's when absent. */
  currency?: string;
  /** A purchase or refund with the same id counts once. */
  transaction_id?: string | number;
  items?: Item[];
  /** The id of a single article, instead of `items`. */
  item?: string | Item;
  /** The offer and the decision that an event is about, where the shop shows offers itself. */
  offer?: string;
  decision?: string;
  /** Only with `sign_up` and `generate_lead`: kept unconfirmed, readable with the server key. */
  email?: string;
  [name: string]: Scalar | Item | Item[] | null | undefined;
}

/** GA4's names; any other name of 1 to 64 of `a-z A-Z 0-9 _ . : -` is allowed too. */
export type EventName =
  | "page_view"
  | "view_item"
  | "view_item_list"
  | "select_item"
  | "add_to_cart"
  | "remove_from_cart"
  | "view_cart"
  | "add_to_wishlist"
  | "begin_checkout"
  | "add_shipping_info"
  | "add_payment_info"
  | "purchase"
  | "refund"
  | "sign_up"
  | "login"
  | "search"
  | "generate_lead"
  | "file_download"
  | "offer_shown"
  | "offer_clicked"
  | "offer_dismissed"
  | (string & {});

/** What a decision is asked about. */
export interface Context {
  /** Places that can be filled: `popup`, `bar`, `slide-in`, or the name of a `data-gloed-slot`. */
  slots?: string[];
  /** Facts of the moment, which conditions read as `context.<name>`. */
  properties?: Record<string, Scalar>;
  /** An offer whose goal was reached: asks for its code. */
  claim?: string;
  /** Lists the offers that were not shown too, where the site allows it. */
  explain?: boolean;
}

/** Texts of an offer. All are plain text. */
export interface Content {
  title: string;
  text?: string | null;
  button?: string | null;
  decline?: string | null;
  field?: "email" | null;
  placeholder?: string | null;
  success_title?: string | null;
  success_text?: string | null;
  link?: string | null;
  disclosure?: string | null;
}

/** When an offer is shown. */
export type Trigger =
  | { kind: "now" }
  /** After so many seconds on the page. */
  | { kind: "delay"; seconds: number }
  /** When so much of what can be scrolled was scrolled: 100 is the end of the page. */
  | { kind: "scroll"; percent: number }
  /** When the page was looked at for so long without a pointer, a key or scrolling. */
  | { kind: "inactivity"; seconds: number }
  /** When the visitor is about to leave. */
  | { kind: "exit" }
  /** When something that matches is clicked. */
  | { kind: "click"; selector: string }
  /** When an event of this name was told on this page. */
  | { kind: "event"; event: string };

/** One offer of a decision. */
export interface Offer {
  id: string;
  slot: string;
  variant: string;
  /** Absent for visitors held out of an experiment. */
  content?: Content | null;
  /** When it is shown. */
  trigger?: Trigger;
  /** Its price is this visitor's own by an automated decision; `content.disclosure` says so, and has to be shown. */
  price_personalised?: boolean;
  goal?: string | null;
  code?: string | null;
  /** Why it is shown. */
  reasons: string[];
}

/** What `decide` resolves to. */
export interface Decision {
  /** Its id, to be passed with `offer_shown` and the like; absent when there was no answer. */
  decision?: string;
  /** Often empty. */
  offers: Offer[];
  /**
   * Why there is no answer, or less of one, else empty. `timeout`: none within 300 ms. `consent_missing`: nothing may be asked.
   * `unavailable`: the collector did not answer or refused, or it cannot ask its store: then there may be offers all the
   * same, but none with a budget. `bot`, `prerender`: this browser says that a program drives it, or that it fetches ahead,
   * and to those nothing is offered. `pool_empty`, `budget_spent`: there is an answer, and an offer more if its pool of
   * codes, or its budget, had something left. `until` beside a reason: ms since 1970.
   */
  reasons: ("timeout" | "consent_missing" | "unavailable" | "bot" | "prerender" | "pool_empty" | "budget_spent")[];
  claimed?: { id: string; code?: string; refused?: string; until?: number };
  considered?: { id: string; shown: boolean; reason: string; detail?: string; until?: number }[];
  lead?: { score: string; stage: string };
}

/** What the collector said about one event. */
export interface Receipt {
  n: number;
  name: string;
  /** When it happened, ms since 1970. */
  time: number;
  status: "accepted" | "rejected";
  code?: string;
  detail?: string;
  retry?: boolean;
  truncated?: string[];
}

/** An offer that is about to be shown, with the id of its decision. */
export type ShownOffer = Offer & { decision: string };

/** The API. It never throws. */
export interface Gloed {
  /** Records an event. */
  (command: "track", name: EventName, properties?: Properties): void;
  /** Asks for a decision. Resolves within 300 ms and never rejects; shows nothing by itself. */
  (command: "decide", context?: Context): Promise<Decision>;
  /** Sets attributes of the visitor; `null` removes one. */
  (command: "set", attributes: Record<string, Scalar | null>): void;
  /** Calls `listener` for each offer that is about to be shown, or each receipt. */
  (command: "on", type: "offer", listener: (offer: ShownOffer) => void): void;
  (command: "on", type: "receipt", listener: (receipt: Receipt) => void): void;
  /** The visitor's choice. `denied` erases, on the device and at the collector, and takes offers off the page. */
  (command: "consent", choice: "granted" | "denied"): void;
  /** At logout: what follows is another visitor's. */
  (command: "reset"): void;
}

declare global {
  interface Window {
    gloed: Gloed;
  }
  const gloed: Gloed;
  interface WindowEventMap {
    /** Before an offer is shown; `preventDefault()` leaves showing it to the page. */
    "gloed:offer": CustomEvent<ShownOffer>;
    /** An address was typed into an offer, for the shop's own form. */
    "gloed:signup": CustomEvent<{ email: string; offer: string }>;
  }
}
