// What a click or a submitted form means.

const FILE = /([^/]+)\.(pdf|docx?|xlsx?|pptx?|od[pst]|csv|txt|rtf|epub|zip|rar|7z|gz|dmg|exe|msi|pkg|mp[34]|mov|avi)$/i;

/**
 * Completes a capture in place; false when it means nothing. Captures that are no click pass.
 *
 * A form that is not marked counts as a sign-up when its opening tag says newsletter and it asks for an address but no
 * password. What was typed is read only where the form says `data-gloed-email`.
 */
export const meaning = (capture) => {
  const { target } = capture;
  if (!target) return true;
  const is = (name, params, source) => {
    capture.name = name;
    capture.source = source;
    capture.params = JSON.stringify(params);
    return true;
  };
  if (capture.name) {
    const params = {};
    for (const name in target.dataset) {
      const value = target.dataset[name];
      if (/^gloed[A-Z]/.test(name)) params[name[5].toLowerCase() + name.slice(6)] = value[0] === "{" ? JSON.parse(value) : value;
    }
    delete params.event;
    if ("email" in params) params.email = target.querySelector("[type=email]").value;
    return is(capture.name, params, 16);
  }
  if (target.tagName === "FORM") {
    const asks = (type) => target.querySelector(`[type=${type}]`);
    const says = /newsletter|nieuwsbrief|subscri/i.test(target.cloneNode().outerHTML);
    return says && asks("email") && !asks("password") && is("sign_up", { method: "form" }, 1);
  }
  const file = FILE.exec(target.pathname);
  // Without the query: it may hold a token.
  return file && is("file_download", { file_name: file[0], file_extension: file[2], link_url: target.origin + target.pathname }, 1);
};
