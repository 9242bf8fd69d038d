// Fetching a script of ours: checked against its hash, allowed by the nonce of the tag, found without a global.

const fetched = {};

/** Calls `use` with what the script hands to `document.currentScript.ready`. It is fetched once, and again after a failure. Resolves also then. */
export const fetchScript = (link, name, integrity, use) => {
  fetched[name] ||= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.integrity = integrity;
    script.crossOrigin = "anonymous";
    script.nonce = link.tag.nonce;
    script.ready = resolve;
    script.onerror = reject;
    script.src = link.origin + "/" + name;
    document.head.append(script);
  });
  return fetched[name].then(link.guard(use), () => {
    fetched[name] = 0;
    link.note("script_failed", name);
  });
};
