// Fetching a script of ours: checked against its hash, allowed by the nonce of the tag, found without a global.

/** Resolves to what the script hands to `document.currentScript.ready`. */
export const fetchScript = (link, name, integrity) =>
  new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.integrity = integrity;
    script.crossOrigin = "anonymous";
    script.nonce = link.tag.nonce;
    script.ready = resolve;
    script.onerror = reject;
    script.src = link.origin + "/" + name;
    document.head.append(script);
  });
