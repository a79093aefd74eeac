/* Live panels: start one, show its events, or replay a recording if there is no server. */
(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const COLOURS = ["#7dd3fc", "#fbbf24", "#f9a8d4", "#86efac", "#c4b5fd", "#fdba74", "#5eead4", "#fda4af"];
  const GOOD = /^(PASSED|PROMOTED|ANSWERED|.+ BETTER|\d+ RUNS)$/;
  const BAD = /^(FAILED|ROLLED BACK|ALARM|ERROR)$/;
  const SIDE = { search: [], compare: ["flips"], gate: ["questions"], canary: [], alarm: ["examples"], rollback: ["history"], ask: ["lineage"] };
  const LOG_BELOW = ["ask", "gate"]; // below the main tables, as the side is full
  const PLOTS_ASIDE = ["search", "compare"];
  const ABOUT = {
    search: "Race three candidates against the best run so far",
    compare: "Compare two runs",
    gate: "Train a careless candidate and gate it",
    canary: "Release a new version to live traffic",
    alarm: "Ask about topics that the data doesn't cover",
    rollback: "Roll back while requests are running",
    ask: "Ask the assistant, then trace the answer",
  };
  const HALO = { stroke: "#000", "stroke-width": 4, "stroke-opacity": 0.8, "paint-order": "stroke" };
  const LOUD = 4; // number of curves in a plot that get a colour and a name
  const LOST_AFTER = 3; // failed attempts to reconnect
  let replays, served; // promises: recordings by panel, and whether a server is available

  function make(tag, attributes, ...inside) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...inside);
    return node;
  }

  /* A long name may go on in the next line after each of its underscores. */
  function breakable(text) {
    return String(text).split(/(?<=_)/).flatMap((part, n) => (n ? [make("wbr"), part] : [part]));
  }

  function draw(tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text != null) node.textContent = text;
    return node;
  }

  function figure(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e6) return "10" + superscript(Math.round(Math.log10(size)));
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  }

  function superscript(number) {
    return String(number).replace(/[-0-9]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));
  }

  function typeset(text) {
    return String(text).replace(/(^|[\s[(])-(?=\d)/g, "$1−");
  }

  function dated(iso) {
    const day = new Date(iso + "T00:00:00Z");
    return isNaN(day) ? iso : day.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  }

  /* One plot: curves with thresholds, or estimates with intervals, a line each. */
  class Plot {
    constructor(host) {
      this.series = new Map();
      this.rows = new Map();
      this.lines = new Map();
      this.marks = [];
      this.log = false;
      this.caption = make("figcaption");
      this.legend = make("div", { class: "panel-legend" });
      this.host = make("figure", { class: "panel-plot" }, this.caption, this.legend);
      host.append(this.host);
    }

    take(event) {
      if (event.type === "axis") {
        this.title = event.title;
        this.below = event.x;
      } else if (event.type === "line") {
        this.lines.set(event.log ? event.label : "line", event); // the newest "best so far" replaces the one before
        this.log = this.log || Boolean(event.log);
      } else if (event.type === "mark") {
        this.marks.push(event);
      } else if ("low" in event) {
        this.rows.set(event.x, event);
      } else {
        if (!this.series.has(event.series)) this.series.set(event.series, []);
        this.series.get(event.series).push(event);
      }
      if (!this.due) this.due = requestAnimationFrame(() => this.paint());
    }

    paint() {
      if (this.due) cancelAnimationFrame(this.due);
      this.due = 0;
      this.caption.textContent = this.title || "";
      // Pixels of the slide, so that its text is as large as that around it.
      this.width = this.host.clientWidth || 440;
      this.height = this.rows.size ? Math.max(110, 48 + 26 * this.rows.size) : this.width > 500 ? 190 : 195;
      const svg = draw("svg", { viewBox: `0 0 ${this.width} ${this.height}`, role: "img" });
      svg.append(draw("title", {}, this.words()));
      if (this.rows.size) this.forest(svg);
      else this.curves(svg);
      if (this.svg) this.svg.replaceWith(svg);
      else this.host.append(svg);
      this.svg = svg;
    }

    words() {
      const last = [...this.series].map(([name, points]) => `${name}: ${figure(points[points.length - 1].y)}`);
      const rows = [...this.rows.values()].map((row) => `${row.label}: ${figure(row.y)} from ${figure(row.low)} to ${figure(row.high)}`);
      return [this.title, ...last, ...rows].join("; ");
    }

    text(svg, x, y, text, more) {
      svg.append(draw("text", { x, y, fill: "currentColor", "font-size": 17, ...more }, text));
    }

    rule(svg, x1, y1, x2, y2, more) {
      svg.append(draw("line", { x1, y1, x2, y2, stroke: "currentColor", "stroke-opacity": 0.45, ...more }));
    }

    forest(svg) {
      const rows = [...this.rows.values()].sort((a, b) => a.x - b.x);
      const ends = rows.flatMap((row) => [row.low, row.high]).concat([...this.lines.values()].map((line) => line.y));
      let low = Math.min(...ends), high = Math.max(...ends);
      const pad = 0.06 * (high - low || 1);
      low -= pad;
      high += pad;
      const left = 22 + 9 * Math.max(...rows.map((row) => row.label.length)), right = this.width - 12;
      const bottom = this.height - 24;
      const at = (value) => left + ((right - left) * (value - low)) / (high - low);
      this.rule(svg, left, bottom, right, bottom);
      for (const tick of ticks(low, high, 4)) {
        this.rule(svg, at(tick), bottom, at(tick), bottom + 5);
        this.text(svg, at(tick), bottom + 21, figure(tick).replace("-", "−"), { "text-anchor": "middle" });
      }
      for (const line of this.lines.values()) {
        this.rule(svg, at(line.y), 0, at(line.y), bottom, { stroke: "#fbbf24", "stroke-opacity": 1, "stroke-dasharray": "6 4", "stroke-width": 2 });
        const over = at(line.y) > this.width / 2;
        this.text(svg, at(line.y) + (over ? -6 : 6), 14, line.label, { "text-anchor": over ? "end" : "start", fill: "#fbbf24" });
      }
      const names = [...new Set(rows.map((row) => row.series))];
      const many = names.length > 1 && names.length < rows.length;
      rows.forEach((row, place) => {
        const y = 34 + place * ((bottom - 34 - 10) / Math.max(1, rows.length - 1 || 1));
        const colour = many ? COLOURS[names.indexOf(row.series) % COLOURS.length] : COLOURS[0];
        this.text(svg, 0, y + 6, row.label);
        this.rule(svg, at(row.low), y, at(row.high), y, { stroke: colour, "stroke-opacity": 1, "stroke-width": 3 });
        svg.append(draw("circle", { cx: at(row.y), cy: y, r: 6, fill: colour }));
      });
      this.key(many ? names : [], (name) => COLOURS[names.indexOf(name) % COLOURS.length]);
    }

    curves(svg) {
      const points = [...this.series.values()].flat(), lines = [...this.lines.values()];
      if (!points.length) return;
      const left = 62, right = this.width - 10, top = 18, bottom = this.height - 44;
      const far = Math.max(...points.map((p) => p.x), ...this.marks.map((m) => m.x)), near = Math.min(...points.map((p) => p.x), ...this.marks.map((m) => m.x));
      const limit = Math.max(...lines.map((line) => line.y), 0);
      const scale = this.log ? (v) => Math.log10(Math.max(v, 1e-3)) : (v) => v;
      let high = Math.max(...points.map((p) => p.y), limit), low = Math.min(...points.map((p) => p.y), this.log ? 1 : 0);
      if (this.log) high = Math.min(high, limit * 100) * 2;
      else high = high + 0.15 * (high - low || 1);
      const span = scale(high) - scale(low) || 1;
      const x = (v) => left + ((right - left) * (v - near)) / (far - near || 1);
      const y = (v) => bottom - ((bottom - top) * (scale(Math.min(v, high)) - scale(low))) / span;
      this.rule(svg, left, bottom, right, bottom);
      this.rule(svg, left, top, left, bottom);
      for (const tick of this.log ? decades(low, high) : ticks(low, high, 4, wholes(points))) {
        this.rule(svg, left, y(tick), right, y(tick), { "stroke-opacity": 0.15 });
        this.text(svg, left - 6, y(tick) + 6, figure(tick), { "text-anchor": "end" });
      }
      for (const tick of ticks(near, far, 4)) this.text(svg, x(tick), bottom + 20, figure(tick), { "text-anchor": x(tick) > right - 20 ? "end" : "middle" });
      this.text(svg, right, bottom + 39, this.below || "", { "text-anchor": "end" });
      for (const [place, mark] of this.marks.entries()) {
        this.rule(svg, x(mark.x), top, x(mark.x), bottom, { "stroke-dasharray": "2 4", "stroke-opacity": 0.9 });
        const over = x(mark.x) > this.width * 0.6;
        this.text(svg, x(mark.x) + (over ? -5 : 5), bottom - 6 - 18 * (place % 2), mark.label, { ...HALO, "text-anchor": over ? "end" : "start" });
      }
      for (const line of lines) {
        this.rule(svg, left, y(line.y), right, y(line.y), { stroke: "#fb7185", "stroke-opacity": 1, "stroke-dasharray": "8 5", "stroke-width": 2.5 });
      }
      const names = this.ordered();
      for (const name of [...names].reverse()) {
        const steps = wholes(this.series.get(name)); // a version: nothing lies between two of them
        const path = this.series.get(name).map((p, n) => (n && steps ? `H${x(p.x).toFixed(1)}V${y(p.y).toFixed(1)}` : `${n ? "L" : "M"}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`));
        const loud = names.indexOf(name) < LOUD;
        const ink = loud ? { stroke: this.colour(name), "stroke-width": 3 } : { stroke: "currentColor", "stroke-width": 1.5, "stroke-opacity": 0.4 };
        svg.append(draw("path", { d: path.join(""), fill: "none", "stroke-linejoin": "round", ...ink }));
      }
      for (const line of lines) {
        const ended = this.nearest(y, line.y, -1) > this.nearest(y, line.y, 0); // where curves leave more room
        const place = ended ? { "text-anchor": "end" } : {};
        this.text(svg, ended ? right : left + 8, y(line.y) - 6, `${line.label}: ${figure(line.y)}`, { fill: "#fb7185", ...HALO, ...place });
      }
      this.key(names.length > 1 ? names.slice(0, LOUD) : [], (name) => this.colour(name));
    }

    /* How near the curves begin (0) or end (-1) to a height, in pixels. */
    nearest(y, height, at) {
      return Math.min(...[...this.series.values()].map((points) => Math.abs(y(points.at(at).y) - y(height))));
    }

    /* By name; of many, the highest first, which are the ones in colour. */
    ordered() {
      const peak = (name) => Math.max(...this.series.get(name).map((p) => p.y));
      const names = [...this.series.keys()];
      return names.length > LOUD ? names.sort((a, b) => peak(b) - peak(a)) : names;
    }

    colour(name) {
      return COLOURS[[...this.series.keys()].indexOf(name) % COLOURS.length];
    }

    key(names, colour) {
      const shown = names.map((name) => [name, colour(name)]);
      const text = JSON.stringify(shown);
      if (this.keyed === text) return;
      this.keyed = text;
      this.legend.replaceChildren(...shown.map(([name, value]) => make("span", {}, make("i", { style: `background:${value}` }), name)));
    }
  }

  function ticks(low, high, count, whole) {
    const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
    let step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
    if (whole) step = Math.max(1, Math.round(step));
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(Number((n * step).toPrecision(12)));
    return found;
  }

  function wholes(points) {
    return points.every((p) => Number.isInteger(p.y)) && Math.max(...points.map((p) => p.y)) < 50;
  }

  function decades(low, high) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high));
    const step = Math.max(1, Math.ceil((last - first) / 5));
    const found = [];
    for (let n = first; n <= last; n += step) found.push(10 ** n);
    return found;
  }

  class Panel {
    constructor(node) {
      this.node = node;
      this.name = node.dataset.panel;
      this.still = false; // a static copy of the deck without a server
      this.build();
      Promise.all([replays, served]).then(([all, live]) => {
        this.recording = all[this.name];
        this.still = !live;
        this.settle();
        if (live) this.offer();
        if (live && live.running === this.name) this.join(live.performance);
      });
    }

    build() {
      this.startButton = make("button", { type: "button", class: "panel-start" }, "Start");
      this.replayButton = make("button", { type: "button", class: "second panel-replay", hidden: true }, "Replay");
      this.endButton = make("button", { type: "button", class: "second panel-end", hidden: true }, "Skip to end");
      this.choices = make("span", { style: "display:contents" });
      this.source = make("span", { class: "panel-source" });
      this.badge = make("span", { class: "panel-badge" });
      this.clock = make("span", { class: "panel-clock" });
      this.about = make("span", { class: "panel-about" }, ABOUT[this.name] || "");
      this.verdict = make("p", { class: "panel-verdict", role: "status" });
      this.main = make("div", { class: "panel-main" });
      this.side = make("div", { class: "panel-side" });
      this.log = make("ul", { class: "panel-log", role: "log", "aria-label": `log of ${this.name}`, tabindex: "-1" });
      const bar = make("div", { class: "panel-bar" }, this.startButton, this.choices, this.replayButton, this.endButton, this.about, this.source, this.clock, this.badge);
      const body = make("div", { class: "panel-body" }, this.main, this.side);
      this.node.replaceChildren(bar, this.verdict, body);
      this.clear();
      this.settle();
      this.startButton.addEventListener("click", () => (this.still ? this.replay() : this.start()));
      this.replayButton.addEventListener("click", () => this.replay());
      this.endButton.addEventListener("click", () => this.toEnd());
      // The deck listens for keys too: keys for a control must not change the slide.
      for (const kind of ["keydown", "keypress", "keyup"]) bar.addEventListener(kind, (event) => this.key(event));
    }

    key(event) {
      const typing = event.target.matches("input, select");
      if (typing && event.key === "Escape") event.target.blur();
      else if (typing && event.key === "Enter" && event.type === "keydown" && event.target.matches("input")) this.startButton.click();
      if (typing || event.key === "Enter" || event.key === " ") event.stopPropagation();
    }

    async offer() {
      if (!["compare", "canary", "ask"].includes(this.name)) return;
      try {
        const answer = await fetch(`/panels/${this.name}/choices`);
        if (!answer.ok) return;
        this.show(await answer.json());
      } catch (error) { /* the server is down; starting the panel reports it */ }
    }

    show(offered) {
      const before = this.chosen();
      this.choices.replaceChildren();
      for (const select of offered.selects || []) {
        const options = select.options.map((one) => make("option", { value: one.value, selected: one.value === before[select.name] }, one.label));
        if (this.name === "compare") options.unshift(make("option", { value: "" }, `${select.label}: one of the two best`));
        this.choices.append(make("select", { name: select.name, "aria-label": select.label }, ...options));
      }
      if (offered.input) {
        const { name, label, most, example } = offered.input;
        const field = make("input", { name, "aria-label": label, maxlength: most, placeholder: example, type: "text", autocomplete: "off" });
        field.value = before[name] || "";
        this.choices.append(field);
      }
    }

    chosen() {
      const found = {};
      for (const field of this.choices.querySelectorAll("select, input")) if (field.value) found[field.name] = field.value;
      return found;
    }

    clear() {
      this.plots = new Map();
      this.tables = new Map();
      this.plotsHost = make("div", { class: "panel-plots" });
      const aside = PLOTS_ASIDE.includes(this.name);
      this.log.replaceChildren();
      this.main.replaceChildren();
      this.side.replaceChildren();
      (aside ? this.side : this.main).append(this.plotsHost);
      (LOG_BELOW.includes(this.name) ? this.main : this.side).append(this.log);
      this.verdict.textContent = this.badge.textContent = this.clock.textContent = this.source.textContent = "";
      this.badge.className = "panel-badge";
      this.failed = false;
    }

    settle() {
      const acting = Boolean(this.acting);
      this.startButton.disabled = acting || (this.still && !this.recording);
      this.startButton.textContent = this.still ? "Play the replay" : acting ? "Running" : "Start";
      this.replayButton.hidden = acting || this.still || !this.recording;
      this.endButton.hidden = this.acting !== "replay";
      this.node.dataset.state = this.acting || (this.badge.textContent ? "ended" : "idle");
    }

    /* The page was loaded while this panel was running. */
    join(performance) {
      this.begin("live");
      this.follow(performance);
    }

    begin(how) {
      this.clear();
      this.node.closest(".live")?.classList.add("started");
      this.acting = how;
      this.source.className = `panel-source ${how}`;
      this.source.textContent = how === "live" ? "LIVE" : "REPLAY of a real run";
      this.settle();
    }

    async start() {
      if (this.acting) return;
      const options = this.chosen();
      this.begin("live");
      this.ticking(performance.now());
      let answer;
      try {
        answer = await fetch(`/panels/${this.name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(options) });
      } catch (error) {
        this.gone();
        return;
      }
      const body = await answer.json().catch(() => ({}));
      if (answer.status === 409) {
        this.outcome({ word: "BUSY", text: body.error });
        this.end();
        return;
      }
      if (answer.status !== 202) {
        this.stop(body.error || `the server answered ${answer.status}`);
        return;
      }
      this.follow(body.performance);
    }

    follow(performance) {
      let lost = 0;
      const stream = new EventSource(`/panels/${this.name}/events?performance=${performance}`);
      stream.onmessage = (message) => {
        lost = 0;
        const event = JSON.parse(message.data);
        this.take(event);
        if (event.type === "done") {
          stream.close();
          this.end();
          panels.filter((panel) => panel.name === "compare").forEach((panel) => panel.offer());
        }
      };
      stream.onerror = () => {
        if (this.acting !== "live") return;
        lost += 1;
        if (lost >= LOST_AFTER || stream.readyState === EventSource.CLOSED) {
          stream.close();
          this.gone();
        }
      };
    }

    gone() {
      this.stop("the lesson's server is unreachable" + (this.recording ? "; play the replay" : ""));
    }

    stop(text) {
      this.take({ type: "error", text });
      this.end();
    }

    end() {
      clearInterval(this.timer);
      this.acting = "";
      this.settle();
      if (this.failed && this.recording) {
        this.replayButton.textContent = "Play the replay";
        if (this.node.contains(document.activeElement) || document.activeElement === document.body) this.replayButton.focus({ preventScroll: true });
      } else this.replayButton.textContent = "Replay";
    }

    ticking(from) {
      clearInterval(this.timer);
      this.timer = setInterval(() => this.time((performance.now() - from) / 1000), 100);
    }

    time(seconds) {
      this.clock.textContent = `${seconds.toFixed(1)} s`;
    }

    /* A recording plays at its original speed. */
    replay() {
      if (this.acting || !this.recording) return;
      this.begin("replay");
      this.waiting = this.recording.slice();
      const from = performance.now();
      const step = () => {
        const now = (performance.now() - from) / 1000;
        this.time(now);
        while (this.waiting.length && this.waiting[0].at <= now) this.take(this.waiting.shift());
        if (!this.waiting.length) this.end();
      };
      clearInterval(this.timer);
      this.timer = setInterval(step, 50);
      step();
    }

    toEnd() {
      clearInterval(this.timer);
      this.waiting.forEach((event) => this.take(event));
      this.waiting = [];
      this.plots.forEach((plot) => plot.paint());
      this.end();
    }

    take(event) {
      if (event.at !== undefined && (event.type === "done" || this.acting === "live")) this.time(event.at);
      if (event.type === "recorded") this.source.textContent = `REPLAY of a real run of ${dated(event.date)}`;
      else if (event.type === "say") this.line(event.text);
      else if (event.type === "error") this.error(event.text);
      else if (event.type === "table") this.table(event);
      else if (event.plot) this.plot(event);
      else if (event.type === "outcome") this.outcome(event);
      this.log.scrollTop = this.log.scrollHeight; // the new event may have changed the height
    }

    line(text, kind) {
      this.log.append(make("li", { class: kind }, typeset(text)));
    }

    error(text) {
      this.failed = true;
      this.line(text, "error");
      this.outcome({ word: "ERROR", text });
    }

    outcome(event) {
      this.badge.textContent = event.word;
      this.badge.className = `panel-badge ${GOOD.test(event.word) ? "good" : BAD.test(event.word) ? "bad" : "open"}`;
      this.verdict.textContent = typeset(event.text);
    }

    table(event) {
      const right = event.columns.map((name) => name.startsWith(">"));
      const cell = (tag, text, n) => make(tag, { class: right[n] ? "right" : n === 0 && String(text).length < 18 ? "sign" : null }, ...breakable(typeset(text)));
      const head = make("tr", {}, ...event.columns.map((name, n) => cell("th", name.replace(/^>/, ""), n)));
      const rows = event.rows.map((row) => make("tr", {}, ...row.map((text, n) => cell("td", text, n))));
      const table = make("table", { "data-table": event.id });
      if (event.title) table.append(make("caption", {}, event.title));
      if (event.columns.some(Boolean)) table.append(make("thead", {}, head));
      table.append(make("tbody", {}, ...rows));
      const before = this.tables.get(event.id);
      if (before) before.replaceWith(table);
      else {
        const host = (SIDE[this.name] || []).includes(event.id) ? this.side : this.main;
        host.insertBefore(table, this.log.parentNode === host ? this.log : null);
      }
      this.tables.set(event.id, table);
    }

    plot(event) {
      if (!this.plots.has(event.plot)) this.plots.set(event.plot, new Plot(this.plotsHost));
      this.plots.get(event.plot).take(event);
    }
  }

  let panels = [];

  function mount() {
    if (panels.length) return;
    const nodes = [...document.querySelectorAll(".panel[data-panel]")];
    const page = /^https?:$/.test(location.protocol), got = (answer) => (answer.ok ? answer.json() : Promise.reject(answer));
    served = page ? fetch("/panels/status").then(got).then((status) => ("running" in status ? status : false)).catch(() => false) : Promise.resolve(false);
    if (window.FULLTURN_REPLAYS) replays = Promise.resolve(window.FULLTURN_REPLAYS);
    else replays = page ? fetch("/panels/replays").then(got).catch(() => ({})) : Promise.resolve({});
    panels = nodes.map((node) => new Panel(node));
    window.FULLTURN_PANELS = panels;
  }

  function whenReady() {
    const deck = window.Reveal;
    const reading = document.documentElement.classList.contains("reading"); // a scrolling page without reveal.js
    if (reading || !deck || !deck.on) return mount();
    if (deck.isReady && deck.isReady()) mount();
    else deck.on("ready", mount);
    // A control on a hidden slide must not receive keys.
    deck.on("slidechanged", () => {
      const active = document.activeElement;
      if (active && active.closest && active.closest(".panel")) active.blur();
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", whenReady);
  else whenReady();
})();
