// Makes traces: `node tests/traces/record.mjs FILE.jsonl.gz [of each class] [seed]`. Needs chromium and chromedriver; takes a quarter
// of an hour for 84. Every event of a trace is one that Chromium itself made from input through its driver.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CLASSES, FRAME, PHONE } from "./classes.mjs";
import { TICK, random } from "./human.mjs";
import { frame, phoneShop, shop } from "./pages.mjs";

const [, , file, each = "84", seed = String(Math.floor(Math.random() * 1e9))] = process.argv;
if (!file) throw new Error("which file are the traces for?");
console.log(`seed ${seed}, ${each} of each class`);

const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));
const pages = { "/": frame(FRAME), "/shop": shop, "/phone": phoneShop, "/other": "<!doctype html>" };
const server = createServer((request, answer) => answer.setHeader("content-type", "text/html").end(pages[request.url] || ""));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const site = `http://127.0.0.1:${server.address().port}`;

const free = createServer();
await new Promise((resolve) => free.listen(0, "127.0.0.1", resolve));
const { port } = free.address();
await new Promise((resolve) => free.close(resolve));
const folder = mkdtempSync(join(tmpdir(), "traces-"));
const driver = spawn("chromedriver", [`--port=${port}`], { stdio: "ignore" });

const call = async (method, path, body) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${path}: ${value.message.split("\n")[0]}`);
  return value;
};

class Browser {
  static async start(name, isPhone) {
    const options = {
      binary: "/usr/bin/chromium",
      args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,960", `--user-data-dir=${join(folder, name)}`],
    };
    if (isPhone) options.mobileEmulation = { deviceMetrics: { ...PHONE, pixelRatio: 1, mobile: true, touch: true } };
    const { sessionId } = await call("POST", "/session", { capabilities: { alwaysMatch: { browserName: "chrome", "goog:chromeOptions": options } } });
    const browser = Object.assign(new Browser(), { path: `/session/${sessionId}`, isPhone, window: isPhone ? "window" : "frames[0]" });
    browser.own = await call("GET", `${browser.path}/window`);
    browser.other = (await call("POST", `${browser.path}/window/new`, { type: "tab" })).handle;
    await browser.look(browser.own);
    await browser.open();
    browser.size = await browser.run("return [innerWidth, innerHeight]");
    return browser;
  }
  // The driver reaches no further than the window.
  within(at) {
    const [x, y] = at.map((value, place) => Math.max(0, Math.min(this.size[place] - 1, Math.round(value))));
    return { x, y, origin: "viewport" };
  }
  look(handle) {
    return call("POST", `${this.path}/window`, { handle });
  }
  run(script) {
    return call("POST", `${this.path}/execute/sync`, { script, args: [] });
  }
  async open() {
    await call("POST", `${this.path}/url`, { url: site + (this.isPhone ? "/phone" : "/") });
    this.opened = Date.now();
  }
  // What one tick of input is for the driver.
  async act(ticks) {
    const mouse = [], wheel = [], keys = [];
    for (const { move, click, key, wait: times, wheel: turn } of ticks) {
      if (times) mouse.push({ type: "pause", duration: times * TICK });
      else if (move) mouse.push({ type: "pointerMove", duration: TICK, ...this.within(move) });
      else if (click) mouse.push({ type: "pointerDown", button: 0 }, { type: "pause", duration: 60 }, { type: "pointerUp", button: 0 });
      else mouse.push({ type: "pause", duration: 0 });
      const at = mouse.length - 1;
      while (wheel.length < at) wheel.push({ type: "pause", duration: 0 });
      while (keys.length < at) keys.push({ type: "pause", duration: 0 });
      if (turn) wheel.push({ type: "scroll", x: 600, y: 500, deltaX: 0, deltaY: turn, origin: "viewport" });
      if (key) {
        keys.push({ type: "keyDown", value: key }, { type: "keyUp", value: key });
        mouse.push({ type: "pause", duration: 0 });
      }
    }
    const actions = [{ type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions: mouse }];
    if (wheel.some(({ type }) => type === "scroll")) actions.push({ type: "wheel", id: "wheel", actions: wheel });
    if (keys.some(({ type }) => type !== "pause")) actions.push({ type: "key", id: "keys", actions: keys });
    await call("POST", `${this.path}/actions`, { actions });
  }
  // A finger: as a browser's own touch, so that the page scrolls, and goes on after a flick, as it does.
  async stroke({ from, path }) {
    const actions = [
      { type: "pointerMove", duration: 0, ...this.within(from) },
      { type: "pointerDown", button: 0 },
      ...path.map((at) => ({ type: "pointerMove", duration: TICK, ...this.within(at) })),
      { type: "pointerUp", button: 0 },
    ];
    await call("POST", `${this.path}/actions`, { actions: [{ type: "pointer", id: "finger", parameters: { pointerType: "touch" }, actions }] });
  }
  async make(script) {
    if (script[0].fresh) await this.open();
    else await wait(Math.max(0, this.opened + 4000 - Date.now()));
    await this.run(`${this.window}.eval("begin()")`);
    await wait(50);
    await this.run(`${this.window}.eval("took.length = 0")`);
    let ticks = [];
    const flush = async () => {
      if (ticks.length && !this.isPhone) await this.act(ticks);
      else for (const { wait: times } of ticks) await wait(times * TICK);
      ticks = [];
    };
    for (const tick of script.filter(({ fresh }) => !fresh)) {
      if (tick.hide) {
        await flush();
        await this.look(this.other);
        await wait(tick.hide);
        await this.look(this.own);
      } else if ("list" in tick) {
        await flush();
        await this.run(`document.querySelector("#list").style.display = ${tick.list ? '"block"' : '"none"'}`);
      } else if (tick.touch) {
        await flush();
        await this.stroke(tick.touch);
      } else ticks.push(tick);
    }
    await flush();
    return this.run(`return ${this.window}.eval("taken()")`);
  }
}

// Numbers after the letter are told as differences from the last of their kind: short, and no more to read than that.
const written = (took) => {
  const last = {};
  return took
    .map(([letter, time, ...more]) => {
      const now = [time, ...more].map((value, place) => {
        const kind = place ? letter.replace(/[odc]/, "m") + place : "time";
        const difference = letter === "f" || letter === "h" ? (place ? value : value - (last.time || 0)) : value - (last[kind] || 0);
        last[kind] = value;
        return difference;
      });
      return letter + now.join(",");
    })
    .join(" ");
};

const jobs = Object.entries(CLASSES).flatMap(([name, kind]) => Array.from({ length: Number(each) }, (_, number) => ({ id: `${name}-${number}`, name, kind, number })));
const traces = [];
const work = async (name, isPhone) => {
  const browser = await Browser.start(name, isPhone);
  for (;;) {
    const at = jobs.findIndex(({ kind }) => kind.phone === isPhone);
    if (at < 0) break;
    const [{ id, name: of, kind }] = jobs.splice(at, 1);
    const own = createHash("sha256").update(`${seed} ${id}`).digest().readUInt32LE(0);
    try {
      const { page, end, took } = await browser.make(kind.script(random(own)));
      traces.push({ id, class: of, exit: kind.exit, page, end, events: written(took) });
      if (traces.length % 50 === 0) console.log(`${traces.length} traces`);
    } catch (error) {
      // The driver could not do it: told, and left out.
      console.log(`${id}: ${error.message}`);
      await browser.look(browser.own);
    }
  }
  await call("DELETE", browser.path);
};
await wait(1000);
const counts = { desktop: 4, phone: 4 };
await Promise.all(Object.entries(counts).flatMap(([name, count]) => Array.from({ length: count }, (_, number) => work(`${name}-${number}`, name === "phone"))));

traces.sort((one, other) => (one.id < other.id ? -1 : 1));
const lines = [{ seed: Number(seed), traces: traces.length }, ...traces].map((line) => JSON.stringify(line));
const packed = gzipSync(lines.join("\n") + "\n", { level: 9 });
writeFileSync(file, packed);
console.log(`${traces.length} traces, ${packed.length} bytes`);
driver.kill();
server.close();
rmSync(folder, { recursive: true, force: true });
