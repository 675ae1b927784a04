"use strict";
// The chart of a timeline. The data stands in the page as columns, one entry a member; times are nanoseconds.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const { number, spawned, begun, left, lane, how, flags, name, place, why, on, off, texts } = data;
  const count = number.length;
  const text = (at) => (at < 0 ? "" : texts[at]);
  const STATES = ["ok", "failed", "panicked", "cancelled", "aborted"];
  const state = (i) => (how[i] >= 0 ? STATES[how[i]] : begun[i] >= 0 ? "running" : "queued");
  const isFailure = (i) => how[i] === 1 || how[i] === 2;
  const label = (i) => text(name[i]) || "#" + number[i];
  const from = (i) => (begun[i] >= 0 ? begun[i] : left[i]);
  let last = 1;
  for (let i = 0; i < count; i++) last = Math.max(last, left[i]);

  // Bars by lane, each lane in the order of time: what is visible of it is found by halving.
  const lanes = Array.from({ length: data.lanes }, () => []);
  for (let i = 0; i < count; i++) lanes[lane[i]].push(i);
  for (const bars of lanes) bars.sort((a, b) => from(a) - from(b) || a - b);
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => from(a) - from(b) || a - b);

  const chart = $("chart"), strip = $("strip"), tip = $("tip"), stage = $("stage"), search = $("search");
  const AXIS = 22, LANE = 20, BAR = 15, LEAST = 200; // pixels, and the nanoseconds that are shown at least
  const view = { from: 0, to: last, top: 0 };
  const chosen = { at: -1 };
  let hovered = -1, matches = null, colours = {};

  // ---- words

  function span(ns) {
    if (ns < 1e3) return ns + " ns";
    if (ns < 1e6) return (ns / 1e3).toFixed(1) + " µs";
    if (ns < 1e9) return (ns / 1e6).toFixed(ns < 1e7 ? 2 : 1) + " ms";
    if (ns < 60e9) return (ns / 1e9).toFixed(2) + " s";
    const seconds = Math.floor(ns / 1e9);
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + (seconds % 60) + " s";
    return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
  }

  function facts(i) {
    const rows = [["state", state(i)]];
    if (place[i] >= 0) rows.push(["place", text(place[i])]);
    rows.push(["spawned", "at " + span(spawned[i])]);
    if (begun[i] >= 0) {
      const waited = begun[i] - spawned[i];
      rows.push(["waited", span(waited) + (flags[i] & 1 ? " for a slot of the limit" : " for its turn")]);
      rows.push([how[i] < 0 ? "running for" : "ran", span(left[i] - begun[i]) + ", from " + span(begun[i])]);
    } else if (flags[i] & 2) {
      rows.push(["began", "not known: it is outside of the sample, and kept because it failed"]);
    } else {
      rows.push(["began", how[i] < 0 ? "not yet" : "never"]);
    }
    if (how[i] >= 0) rows.push(["ended", "at " + span(left[i])]);
    if (why[i] >= 0) rows.push([how[i] === 3 ? "cause" : "why", text(why[i])]);
    if (on[i] >= 0) rows.push([data.carrier, text(on[i]) + (off[i] >= 0 && off[i] !== on[i] ? ", ended on " + text(off[i]) : "")]);
    return rows;
  }

  function element(tag, content) {
    const made = document.createElement(tag);
    if (content !== undefined) made.textContent = content;
    return made;
  }

  function card(i) {
    const made = element("div");
    made.className = "member";
    made.append(element("b", "#" + number[i] + (name[i] >= 0 ? " " + text(name[i]) : "")));
    const list = element("dl");
    for (const [key, value] of facts(i)) list.append(element("dt", key), element("dd", value));
    made.append(list);
    return made;
  }

  // ---- drawing

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const key of ["paper", "ink", "quiet", "line", "panel", "focus", "waiting", "mark", "running", "queued", ...STATES]) {
      colours[key] = style.getPropertyValue("--" + key).trim();
    }
  }

  function prepared(canvas) {
    const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    return { pen, wide, high };
  }

  const xOf = (at, wide) => ((at - view.from) / (view.to - view.from)) * wide;
  const timeOf = (x, wide) => view.from + (x / wide) * (view.to - view.from);

  // One bar, by colour and by shape: a failure has a cross at its end, a panic a bang, one that was aborted a dash; one that
  // was cancelled is hatched, one that runs has an open end, one that never began is a line.
  function bar(pen, kind, x, y, wide, dim) {
    const high = BAR;
    pen.globalAlpha = dim ? 0.18 : 1;
    pen.fillStyle = colours[kind];
    pen.strokeStyle = colours[kind];
    pen.lineWidth = 1.5;
    if (kind === "queued") {
      pen.strokeRect(x + 0.75, y + 4.75, Math.max(wide, 3), high - 9.5);
    } else if (kind === "cancelled" && wide > 6) {
      pen.globalAlpha *= 0.35;
      pen.fillRect(x, y, wide, high);
      pen.globalAlpha = dim ? 0.18 : 1;
      pen.save();
      pen.beginPath();
      pen.rect(x, y, wide, high);
      pen.clip();
      pen.beginPath();
      const first = x - ((x + 1e6) % 7) - high;
      for (let at = first; at < x + wide; at += 7) { pen.moveTo(at, y + high); pen.lineTo(at + high, y); }
      pen.stroke();
      pen.restore();
    } else {
      pen.fillRect(x, y, Math.max(wide, kind === "cancelled" ? 2 : 1), high);
    }
    const end = x + wide;
    if (kind === "failed" || kind === "panicked" || kind === "aborted") {
      // A sign on a pale disc or diamond, so that it is seen on its bar and beside it, and told without the colour.
      const middle = y + high / 2, at = wide > 18 ? end - 8 : end, reach = 2.5;
      pen.fillStyle = colours.mark;
      pen.lineWidth = 1.5;
      pen.beginPath();
      if (kind === "failed") pen.arc(at, middle, 6.2, 0, 7);
      else if (kind === "aborted") pen.rect(at - 5.5, middle - 5.5, 11, 11);
      else { pen.moveTo(at, middle - 7); pen.lineTo(at + 7, middle); pen.lineTo(at, middle + 7); pen.lineTo(at - 7, middle); pen.closePath(); }
      pen.fill();
      pen.stroke();
      pen.lineWidth = 2;
      pen.beginPath();
      if (kind === "failed") {
        pen.moveTo(at - reach, middle - reach); pen.lineTo(at + reach, middle + reach);
        pen.moveTo(at + reach, middle - reach); pen.lineTo(at - reach, middle + reach);
      } else if (kind === "panicked") {
        pen.moveTo(at, middle - 4); pen.lineTo(at, middle + 1);
        pen.moveTo(at, middle + 2.4); pen.lineTo(at, middle + 4.2);
      } else {
        pen.moveTo(at - 3, middle); pen.lineTo(at + 3, middle);
      }
      pen.stroke();
    } else if (kind === "running" && wide > 8) {
      pen.fillStyle = colours.paper;
      pen.beginPath();
      pen.moveTo(end - 6, y); pen.lineTo(end, y); pen.lineTo(end, y + high); pen.lineTo(end - 6, y + high); pen.lineTo(end, y + high / 2);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  function caption(pen, i, kind, x, y, wide, dim) {
    const room = wide - (isFailure(i) || kind === "aborted" ? 18 : 3);
    if (room < 36) return;
    pen.globalAlpha = dim ? 0.4 : 1;
    pen.save();
    pen.beginPath(); pen.rect(x, y, room, BAR); pen.clip();
    pen.fillStyle = kind === "cancelled" || kind === "queued" ? colours.ink : colours.mark;
    pen.fillText(label(i), Math.max(x, 0) + 5, y + BAR / 2 + 0.5);
    pen.restore();
    pen.globalAlpha = 1;
  }

  function step(wide) {
    const rough = ((view.to - view.from) / Math.max(wide, 1)) * 90;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) || 10 * power;
  }

  // The number of decimals follows the step, so that neighbours differ.
  function tick(at, by) {
    const [unit, size] = view.to >= 1e9 ? ["s", 1e9] : view.to >= 1e6 ? ["ms", 1e6] : ["µs", 1e3];
    return (at / size).toFixed(Math.min(9, Math.max(0, Math.ceil(-Math.log10(by / size) - 1e-9)))) + " " + unit;
  }

  function visible(bars) {
    let low = 0, high = bars.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (left[bars[middle]] < view.from) low = middle + 1; else high = middle;
    }
    return Math.max(0, low - 1);
  }

  function drawChart() {
    const { pen, wide, high } = prepared(chart);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const by = step(wide);
    pen.lineWidth = 1;
    for (let at = Math.ceil(view.from / by) * by; at <= view.to; at += by) {
      const x = Math.round(xOf(at, wide)) + 0.5;
      pen.strokeStyle = colours.line;
      pen.beginPath(); pen.moveTo(x, AXIS - 4); pen.lineTo(x, high); pen.stroke();
      const words = tick(at, by), room = pen.measureText(words).width;
      pen.fillStyle = colours.quiet;
      if (x + 4 + room < wide) pen.fillText(words, x + 4, AXIS / 2);
    }
    const top = Math.floor(view.top / LANE);
    pen.save();
    pen.beginPath(); pen.rect(0, AXIS, wide, high - AXIS); pen.clip();
    const marked = [];
    for (let row = top; row < lanes.length; row++) {
      const y = AXIS + row * LANE - view.top + (LANE - BAR) / 2;
      if (y > high) break;
      const bars = lanes[row];
      let drawn = -1, drawnDim = true;
      for (let k = visible(bars); k < bars.length; k++) {
        const i = bars[k];
        if (from(i) > view.to) break;
        const x = xOf(from(i), wide), end = xOf(left[i], wide), dim = matches !== null && !matches.has(i);
        if (end < -12) continue;
        // Thousands may share a pixel; one of them is drawn. Failures and matches always are.
        if (end <= drawn && (dim || !drawnDim) && !isFailure(i)) continue;
        const begin = Math.max(x, -20), long = Math.min(end, wide + 20) - begin, kind = state(i);
        if (isFailure(i)) marked.push([kind, begin, y, long, dim, i]);
        else bar(pen, kind, begin, y, long, dim);
        drawn = Math.ceil(end); drawnDim = dim;
        if (!isFailure(i)) caption(pen, i, kind, begin, y, long, dim);
      }
    }
    for (const [kind, x, y, long, dim, i] of marked) {
      bar(pen, kind, x, y, long, dim);
      caption(pen, i, kind, x, y, long, dim);
    }
    for (const i of new Set([hovered, chosen.at])) {
      if (i < 0) continue;
      const y = AXIS + lane[i] * LANE - view.top + (LANE - BAR) / 2;
      const x = xOf(from(i), wide), end = xOf(left[i], wide), out = xOf(spawned[i], wide);
      pen.strokeStyle = colours.waiting;
      pen.lineWidth = 2;
      pen.setLineDash([3, 3]);
      pen.beginPath(); pen.moveTo(out, y + BAR + 1); pen.lineTo(x, y + BAR + 1); pen.stroke();
      pen.setLineDash([]);
      pen.beginPath(); pen.moveTo(out, y + BAR - 4); pen.lineTo(out, y + BAR + 3); pen.stroke();
      pen.strokeStyle = i === chosen.at ? colours.focus : colours.ink;
      pen.strokeRect(Math.max(x, -4) - 1.5, y - 1.5, Math.min(end, wide + 4) - Math.max(x, -4) + 3, BAR + 3);
    }
    pen.restore();
    // How far down this is, when there are more lanes than fit.
    const all = lanes.length * LANE, room = high - AXIS;
    if (all > room) {
      pen.fillStyle = colours.quiet;
      pen.globalAlpha = 0.5;
      pen.fillRect(wide - 5, AXIS + (view.top / all) * room, 4, Math.max(16, (room / all) * room));
      pen.globalAlpha = 1;
    }
  }

  // How many ran, over the whole time: a curve of columns, each as high as the most in it.
  let curve = null;
  function counts() {
    const changes = [];
    for (let i = 0; i < count; i++) if (begun[i] >= 0) changes.push([begun[i], 1], [left[i], -1]);
    return changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  function drawStrip() {
    const { pen, wide, high } = prepared(strip);
    curve = curve || counts();
    const columns = new Array(Math.max(1, Math.ceil(wide))).fill(0);
    let now = 0, most = 1, at = 0;
    for (const [time, change] of curve) {
      const x = Math.min(columns.length - 1, Math.floor((time / last) * wide));
      for (; at < x; at++) columns[at] = Math.max(columns[at], now);
      columns[x] = Math.max(columns[x], now);
      now += change;
      columns[x] = Math.max(columns[x], now);
      most = Math.max(most, now);
      at = x;
    }
    pen.fillStyle = colours.ok;
    pen.globalAlpha = 0.45;
    columns.forEach((n, x) => { const tall = (n / most) * (high - 20); pen.fillRect(x, high - tall, 1, tall); });
    pen.globalAlpha = 1;
    const begin = (view.from / last) * wide, end = (view.to / last) * wide;
    pen.fillStyle = colours.focus;
    pen.globalAlpha = 0.14;
    if (end - begin < wide - 1) pen.fillRect(begin, 0, Math.max(end - begin, 2), high);
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.focus;
    pen.lineWidth = 1;
    if (end - begin < wide - 1) pen.strokeRect(begin + 0.5, 0.5, Math.max(end - begin - 1, 2), high - 1);
    pen.fillStyle = colours.quiet;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "top";
    pen.fillText("running at once, at most " + most + (data.stride > 1 ? " of those kept" : ""), 6, 3);
  }

  let asked = false;
  function draw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; drawChart(); drawStrip(); });
  }

  // ---- moving

  function clamp() {
    const least = Math.min(LEAST, last), wanted = Math.max(view.to - view.from, least);
    // Zooming out by what one zoomed in misses the whole by a rounding: that is the whole, too.
    const long = wanted > last * (1 - 1e-9) ? last : wanted;
    view.from = Math.min(Math.max(view.from, 0), last - long);
    view.to = view.from + long;
    const room = chart.clientHeight - AXIS;
    view.top = Math.min(Math.max(view.top, 0), Math.max(0, lanes.length * LANE - room + 6));
    draw();
  }

  function zoom(factor, share = 0.5) {
    const long = view.to - view.from, fixed = view.from + long * share;
    const next = Math.min(Math.max(long * factor, Math.min(LEAST, last)), last);
    hover(-1);
    view.from = fixed - next * share;
    view.to = view.from + next;
    clamp();
  }

  function pan(share, rows = 0) {
    const by = (view.to - view.from) * share;
    hover(-1);
    view.from += by; view.to += by; view.top += rows * LANE;
    clamp();
  }

  function fit() { view.from = 0; view.to = last; view.top = 0; clamp(); }

  function show(i) {
    chosen.at = i;
    const long = view.to - view.from, begin = from(i), end = left[i];
    if (end < view.from || begin > view.to || end - begin > long) {
      const next = Math.max(long, (end - begin) * 1.2);
      view.from = begin + (end - begin) / 2 - next / 2;
      view.to = view.from + next;
    }
    const y = lane[i] * LANE, room = chart.clientHeight - AXIS;
    if (y < view.top || y + LANE > view.top + room) view.top = y - room / 2;
    $("details").replaceChildren(card(i));
    chart.setAttribute("aria-label", "Timeline of " + count + " members. Selected: #" + number[i] + " " + text(name[i]) + ", " + state(i));
    clamp();
    // Who has no pointer sees it beside its bar, too.
    hovered = -1;
    const [x, middle] = position(i);
    hover(i, Math.min(Math.max(x, 0), chart.clientWidth), middle);
  }

  function position(i) {
    const wide = chart.clientWidth;
    return [(xOf(from(i), wide) + xOf(left[i], wide)) / 2, AXIS + lane[i] * LANE - view.top + LANE / 2];
  }

  function deselect() {
    chosen.at = -1;
    hover(-1);
    $("details").replaceChildren();
    chart.setAttribute("aria-label", "Timeline of " + count + " members in " + lanes.length + " lanes");
    draw();
  }

  // The next of `order` that `which` says yes to, from the selected one on.
  function go(direction, which) {
    const here = order.indexOf(chosen.at);
    let at = here < 0 && direction < 0 ? 0 : here;
    for (let n = 0; n < count; n++) {
      at = (at + direction + count) % count;
      if (which(order[at])) { show(order[at]); return; }
    }
  }
  const next = (direction) => go(direction, (i) => matches === null || matches.has(i));

  // ---- searching

  function seek() {
    const wanted = search.value.trim().toLowerCase();
    if (wanted === "") { matches = null; $("found").textContent = ""; draw(); return; }
    const hits = texts.map((each) => each.toLowerCase().includes(wanted));
    matches = new Set();
    for (let i = 0; i < count; i++) {
      const exact = wanted[0] === "#" && "#" + number[i] === wanted;
      if (exact || hits[name[i]] || hits[place[i]] || state(i) === wanted) matches.add(i);
    }
    $("found").textContent = matches.size.toLocaleString("en") + " of " + count.toLocaleString("en");
    draw();
  }

  // ---- mouse, touch, keys

  function under(x, y) {
    const row = Math.floor((y - AXIS + view.top) / LANE);
    if (y < AXIS || row < 0 || row >= lanes.length) return -1;
    const wide = chart.clientWidth, bars = lanes[row];
    let best = -1, nearest = 6;
    for (let k = visible(bars); k < bars.length; k++) {
      const i = bars[k], begin = xOf(from(i), wide), end = xOf(left[i], wide);
      if (begin > x + 6) break;
      const away = Math.max(begin - x, x - end, 0) + (isFailure(i) ? -0.5 : 0);
      if (away < nearest) { nearest = away; best = i; }
    }
    return best;
  }

  function hover(i, x, y) {
    if (i !== hovered) {
      hovered = i;
      tip.hidden = i < 0;
      if (i >= 0) tip.replaceChildren(card(i));
      draw();
    }
    if (i < 0) return;
    const wide = stage.clientWidth, high = stage.clientHeight, top = strip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(x + 14, wide - tip.offsetWidth - 4)) + "px";
    const below = top + y + 16;
    tip.style.top = (below + tip.offsetHeight > high ? Math.max(4, top + y - tip.offsetHeight - 12) : below) + "px";
  }

  const fingers = new Map();
  let dragged = 0, pinch = 0;
  const at = (event) => { const box = chart.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const apart = () => { const [a, b] = [...fingers.values()]; return Math.max(20, Math.abs(a[0] - b[0])); };

  chart.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, at(event));
    chart.setPointerCapture(event.pointerId);
    if (fingers.size === 1) dragged = 0;
    if (fingers.size === 2) pinch = apart();
  });
  chart.addEventListener("pointermove", (event) => {
    const [x, y] = at(event), before = fingers.get(event.pointerId);
    if (!before) { if (event.pointerType === "mouse") hover(under(x, y), x, y); return; }
    fingers.set(event.pointerId, [x, y]);
    if (fingers.size === 2) {
      const now = apart(), [a, b] = [...fingers.values()];
      zoom(pinch / now, (a[0] + b[0]) / 2 / chart.clientWidth);
      pinch = now;
      dragged = 99;
      return;
    }
    dragged += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    if (dragged > 4) {
      hover(-1);
      chart.classList.add("dragging");
      pan((before[0] - x) / chart.clientWidth, (before[1] - y) / LANE);
    }
  });
  const lift = (event) => {
    const there = fingers.delete(event.pointerId);
    chart.classList.remove("dragging");
    if (!there || dragged > 4 || event.type !== "pointerup") return;
    const [x, y] = at(event), i = under(x, y);
    if (i >= 0) show(i); else deselect();
  };
  chart.addEventListener("pointerup", lift);
  chart.addEventListener("pointercancel", lift);
  chart.addEventListener("pointerleave", () => hover(-1));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.shiftKey) pan(0, Math.sign(event.deltaY || event.deltaX) * 3);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / chart.clientWidth);
    else zoom(Math.pow(1.0018, event.deltaY), at(event)[0] / chart.clientWidth);
  }, { passive: false });
  chart.addEventListener("dblclick", (event) => zoom(0.4, at(event)[0] / chart.clientWidth));

  const slide = (event) => {
    const box = strip.getBoundingClientRect(), to = ((event.clientX - box.left) / box.width) * last, half = (view.to - view.from) / 2;
    view.from = to - half; view.to = to + half;
    clamp();
  };
  strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); slide(event); });
  strip.addEventListener("pointermove", (event) => { if (event.buttons) slide(event); });

  const KEYS = {
    "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "0": fit,
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), ArrowUp: () => pan(0, -3), ArrowDown: () => pan(0, 3),
    PageUp: () => pan(0, -15), PageDown: () => pan(0, 15), Home: () => pan(-1e9), End: () => pan(1e9),
    n: () => next(1), p: () => next(-1), f: () => go(1, isFailure), t: () => theme(!dark()),
    "/": () => { search.focus(); search.select(); },
    Escape: deselect,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) {
      if (event.key === "Enter") { event.preventDefault(); next(event.shiftKey ? -1 : 1); }
      if (event.key === "Escape") { search.value = ""; seek(); chart.focus(); }
      return;
    }
    const moves = event.key.length > 1 && event.key !== "Escape";
    // Arrows belong to what has the focus: the page scrolls, unless it is the chart.
    if (moves && event.target !== chart) return;
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
  });
  search.addEventListener("input", seek);
  $("zoom-in").addEventListener("click", () => zoom(0.6));
  $("zoom-out").addEventListener("click", () => zoom(1 / 0.6));
  $("fit").addEventListener("click", fit);
  $("failure").addEventListener("click", () => go(1, isFailure));
  $("theme").addEventListener("click", () => theme(!dark()));

  // ---- dark and light

  const dark = () => document.documentElement.dataset.theme === "dark";
  function theme(on) {
    document.documentElement.dataset.theme = on ? "dark" : "light";
    $("theme").textContent = on ? "Light" : "Dark";
    $("theme").setAttribute("aria-pressed", String(on));
    readColours();
    legend();
    draw();
  }

  function legend() {
    const there = new Set();
    for (let i = 0; i < count; i++) there.add(state(i));
    const kinds = [...STATES, "running", "queued"].filter((kind) => there.has(kind));
    $("legend").replaceChildren(...kinds.map((kind) => {
      const item = element("li"), picture = element("canvas");
      picture.setAttribute("aria-hidden", "true");
      item.append(picture, kind);
      requestAnimationFrame(() => { const { pen } = prepared(picture); bar(pen, kind, 3, 0, 28, false); });
      return item;
    }));
  }

  // ---- the beginning

  $("title").textContent = data.title;
  // The heading has said whose it is.
  const whose = data.title + ": ";
  $("summary").textContent = data.summary.startsWith(whose) ? data.summary.slice(whose.length) : data.summary;
  chart.style.height = "min(" + (AXIS + lanes.length * LANE + 12) + "px, 60vh)";
  if (data.stride > 1) {
    $("sampled").hidden = false;
    $("sampled").textContent = "Of " + data.total.toLocaleString("en") + " members every " + data.stride + "th is shown, and failures.";
  }
  const failed = order.filter(isFailure), SHOWN = 50;
  $("failure").disabled = failed.length === 0;
  if (failed.length > 0) {
    $("failures-box").hidden = false;
    $("failures").replaceChildren(...failed.slice(0, SHOWN).map((i) => {
      const item = element("li"), link = element("button");
      link.type = "button";
      link.append(element("b", state(i)), " " + "#" + number[i] + " " + text(name[i]) + ": " + text(why[i]));
      link.addEventListener("click", () => { show(i); chart.focus(); });
      item.append(link);
      return item;
    }));
    if (failed.length > SHOWN) $("failures").append(element("li", "and " + (failed.length - SHOWN) + " more: press F"));
  }
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  preferred.addEventListener("change", () => theme(preferred.matches));
  if (matchMedia("(max-width: 480px)").matches) $("summary-box").open = false;
  deselect();
  theme(preferred.matches);
  new ResizeObserver(clamp).observe(stage);
  // For tests, and for whoever opens the console.
  window.timeline = { view, chosen, count, show, fit, position, matches: () => matches };
})();
