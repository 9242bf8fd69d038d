//! What a visitor sees and does in an offer. It lives in a closed shadow root, which scripts of the page cannot look
//! into; the DevTools protocol can, and the pointer and the keys used here are real input to the browser.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Fault, browser::Browser};

/// An offer as it is on the page now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// `role` of its outermost element that has one, such as `dialog`.
    pub role: String,
    /// Visible text, one line a block.
    pub text: String,
    /// Texts (or labels) of its visible buttons and links, in order.
    pub buttons: Vec<String>,
    /// Number of visible input fields.
    pub fields: usize,
    /// What has the keyboard, as in `buttons`; `input` for a field; empty when nothing in the offer has it.
    pub focus: String,
}

/// Runs with `this` = an element directly below a shadow root. A text or label as [`Offer::buttons`] has it.
const NAME: &str = "const name = e => (e.getAttribute('aria-label') || e.innerText || '').trim();\
    const seen = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility === 'visible';\
    const all = selector => [this, ...this.querySelectorAll('*')].filter(e => e.matches(selector) && seen(e));\
    const buttons = 'button, a[href], [role=button], input[type=submit]';\
    const fields = 'input:not([type=submit]):not([type=hidden]), textarea, select';";

impl Browser {
    /// The offers on the page now, in the order of the document.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn offers(&self) -> Result<Vec<Offer>, Fault> {
        let script = format!(
            "function() {{ {NAME}\
             const role = all('[role]')[0]; const focus = this.getRootNode().activeElement;\
             return {{ role: role ? role.getAttribute('role') : '', text: seen(this) ? this.innerText.trim() : '',\
               buttons: all(buttons).map(name), fields: all(fields).length,\
               focus: !focus ? '' : focus.matches(fields) ? 'input' : name(focus) }} }}"
        );
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut offers = Vec::new();
        for element in self.shadow_elements().await? {
            let seen = self.call_on(&element, &script, &[]).await?;
            let offer = Offer {
                role: text(&seen["role"]),
                text: text(&seen["text"]),
                buttons: seen["buttons"].as_array().into_iter().flatten().map(text).collect(),
                fields: seen["fields"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
                focus: text(&seen["focus"]),
            };
            if !offer.text.is_empty() || !offer.buttons.is_empty() {
                offers.push(offer);
            }
        }
        Ok(offers)
    }

    /// The visible text of all offers; empty when there is none.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn offer_text(&self) -> Result<String, Fault> {
        Ok(self.offers().await?.into_iter().map(|offer| offer.text).collect::<Vec<_>>().join("\n"))
    }

    /// Waits for an offer whose text contains `part`.
    ///
    /// # Errors
    /// [`Fault::Deadline`], with a screenshot.
    pub async fn wait_for_offer(&self, part: &str, limit: Duration) -> Result<Offer, Fault> {
        self.wait_until(&format!("offer {part}"), limit, async || {
            let offers = self.offers().await.map_err(|fault| fault.to_string())?;
            offers.iter().find(|offer| offer.text.contains(part)).cloned().ok_or_else(|| format!("{offers:?}"))
        })
        .await
    }

    /// Waits until no offer is on the page.
    ///
    /// # Errors
    /// [`Fault::Deadline`], with a screenshot.
    pub async fn wait_for_no_offer(&self, limit: Duration) -> Result<(), Fault> {
        self.wait_until("no offer", limit, async || {
            let offers = self.offers().await.map_err(|fault| fault.to_string())?;
            if offers.is_empty() { Ok(()) } else { Err(format!("{offers:?}")) }
        })
        .await
    }

    /// Clicks the button or link of an offer whose text or label is `button`, with the pointer.
    ///
    /// # Errors
    /// [`Fault::NotOnPage`] with the buttons there are, or when something covers it.
    pub async fn offer_click(&self, button: &str) -> Result<(), Fault> {
        self.point_at("buttons", "name(e) === wanted", button).await
    }

    /// Clicks into the first input field of an offer and types `text`, key by key.
    ///
    /// # Errors
    /// [`Fault::NotOnPage`] when there is no field.
    pub async fn offer_type(&self, text: &str) -> Result<(), Fault> {
        self.point_at("fields", "true", "an input field").await?;
        for letter in text.chars() {
            self.key(&letter.to_string(), &letter.to_string()).await?;
        }
        Ok(())
    }

    /// What moves in the offers now: the names of their animations.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn offer_animations(&self) -> Result<Vec<String>, Fault> {
        let script = "function() { return this.getAnimations({ subtree: true }).map(one => one.animationName) }";
        let mut names = Vec::new();
        for element in self.shadow_elements().await? {
            let found = self.call_on(&element, script, &[]).await?;
            names.extend(found.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)));
        }
        Ok(names)
    }

    /// The largest share of the window that one offer covers, 0 to 1. What is only behind it and lets the pointer through does not
    /// count.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn offer_share(&self) -> Result<f64, Fault> {
        let script = format!(
            "function() {{ {NAME}\
             const behind = getComputedStyle(this).pointerEvents === 'none';\
             const box = (behind ? all('[role]')[0] : this).getBoundingClientRect();\
             return box.width * box.height / innerWidth / innerHeight }}"
        );
        let mut most = 0.0_f64;
        for element in self.shadow_elements().await? {
            most = most.max(self.call_on(&element, &script, &[]).await?.as_f64().unwrap_or_default());
        }
        Ok(most)
    }

    /// Presses one key: a letter, `Enter`, `Escape`, `Tab`, `Shift+Tab`, `Backspace`. It goes to what has the keyboard.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn press(&self, key: &str) -> Result<(), Fault> {
        match key {
            "Enter" => self.key(key, "\r").await,
            one if one.chars().count() == 1 => self.key(one, one).await,
            _ => self.key(key, "").await,
        }
    }

    async fn key(&self, key: &str, text: &str) -> Result<(), Fault> {
        // Keys that do not write need their number, as the browser's own handling of Tab and Escape looks at it.
        let (key, shift) = key.strip_prefix("Shift+").map_or((key, 0), |key| (key, 8));
        let number = match key {
            "Backspace" => 8,
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            _ => 0,
        };
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        let down = json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": number,
            "modifiers": shift });
        self.devtools("Input.dispatchKeyEvent", down).await?;
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": number, "modifiers": shift });
        self.devtools("Input.dispatchKeyEvent", up).await.map(drop)
    }

    /// Clicks the first element of `kind` (`buttons` or `fields`) of any offer for which `condition` holds.
    async fn point_at(&self, kind: &str, condition: &str, wanted: &str) -> Result<(), Fault> {
        let script = format!(
            "function(wanted) {{ {NAME}\
             const e = all({kind}).find(e => {condition}); if (!e) return null;\
             e.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});\
             const box = e.getBoundingClientRect(); const x = box.x + box.width / 2, y = box.y + box.height / 2;\
             const hit = this.getRootNode().elementFromPoint(x, y);\
             return {{ x, y, covered: !(hit && e.contains(hit)) }} }}"
        );
        for element in self.shadow_elements().await? {
            let place = self.call_on(&element, &script, &[json!(wanted)]).await?;
            if place.is_null() {
                continue;
            }
            if place["covered"] == true {
                let found = format!("it at {},{}, but covered", place["x"], place["y"]);
                return Err(Fault::NotOnPage { what: format!("{wanted}, in the open"), found });
            }
            for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
                let button = if kind == "mouseMoved" { "none" } else { "left" };
                let event = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": button,
                    "buttons": buttons, "clickCount": 1 });
                self.devtools("Input.dispatchMouseEvent", event).await?;
            }
            return Ok(());
        }
        Err(Fault::NotOnPage { what: wanted.to_owned(), found: format!("{:?}", self.offers().await?) })
    }

    /// The elements directly below the shadow roots of the page, styles apart, as numbers that stay valid while they
    /// exist. The browser's own shadow roots, inside input fields, are left out.
    async fn shadow_elements(&self) -> Result<Vec<Value>, Fault> {
        let document = self.devtools("DOM.getDocument", json!({ "depth": -1, "pierce": true })).await?;
        let mut found = Vec::new();
        collect_shadow_elements(&document["root"], &mut found);
        Ok(found)
    }

    /// Calls a function with `this` = the element. `Null` when the element is gone in the meantime.
    async fn call_on(&self, element: &Value, function: &str, arguments: &[Value]) -> Result<Value, Fault> {
        let Ok(resolved) = self.devtools("DOM.resolveNode", json!({ "backendNodeId": element })).await else {
            return Ok(Value::Null);
        };
        let arguments: Vec<Value> = arguments.iter().map(|value| json!({ "value": value })).collect();
        let call = json!({ "objectId": resolved["object"]["objectId"], "functionDeclaration": function,
            "arguments": arguments, "returnByValue": true });
        let mut answer = self.devtools("Runtime.callFunctionOn", call).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            let detail = thrown["exception"]["description"].to_string();
            return Err(Fault::Browser { command: "a script on an offer".to_owned(), detail });
        }
        Ok(answer["result"]["value"].take())
    }
}

fn collect_shadow_elements(node: &Value, found: &mut Vec<Value>) {
    let list = |name: &str| node[name].as_array().into_iter().flatten();
    for root in list("shadowRoots").filter(|root| root["shadowRootType"] != "user-agent") {
        let elements = root["children"].as_array().into_iter().flatten();
        let shown = elements.filter(|child| child["nodeType"] == 1 && child["nodeName"] != "STYLE");
        found.extend(shown.map(|child| child["backendNodeId"].clone()));
    }
    list("shadowRoots").chain(list("children")).for_each(|child| collect_shadow_elements(child, found));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadow_roots_of_pages_are_found_at_any_depth_and_those_of_the_browser_are_not() {
        let element = |id: u32, more: Value| {
            let mut node = json!({ "nodeType": 1, "nodeName": "DIV", "backendNodeId": id });
            node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            node
        };
        let root =
            |kind: &str, child: Value| json!({ "shadowRoots": [{ "shadowRootType": kind, "children": [child] }] });
        let inner = element(4, root("open", element(5, json!({}))));
        let page = element(
            1,
            json!({ "children": [
            element(2, root("user-agent", element(3, json!({})))),
            element(6, root("closed", element(7, json!({ "children": [inner] })))),
        ] }),
        );

        let mut found = Vec::new();
        collect_shadow_elements(&page, &mut found);

        assert_eq!(found, [json!(7), json!(5)]);
    }
}
