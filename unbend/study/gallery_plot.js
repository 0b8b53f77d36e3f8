// Drawing: the small picture on every card, and the large one with its cursor.
"use strict";

const HUES = ["#3b82c4", "#e08a1e", "#2a9d6f", "#d1495b", "#8d6cc9", "#45b3d6", "#a8753a", "#d970b0"];
const ORDERS = ["f", "f′", "f″"];
const REACH = 5;
const GRID = 0.05; // the points that all curves have

function make(tag, attributes = {}, ...children) {
  const space = ["svg", "path", "line", "text", "g", "circle", "clipPath", "rect"].includes(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Curves travel as the bytes of float32 numbers; nan stands where there is no value.
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function curves(bend) {
  bend.drawn ??= bend.curve?.map(unpack);
  return bend.drawn;
}

const at = (curve, x) => curve[Math.round(((x + REACH) / (2 * REACH)) * (curve.length - 1))];

// The window shows the value where it can; slopes and curvatures widen it a little, and not so that they flatten it.
function height(bends, orders, reach) {
  const most = Math.max(1.3 * reach, 3);
  let [low, high] = [0, 0];
  const widen = (order, least, greatest) => {
    for (const bend of bends) {
      const curve = curves(bend)[order];
      curve.forEach((y, i) => {
        const x = -REACH + (2 * REACH * i) / (curve.length - 1);
        if (Number.isNaN(y) || Math.abs(x) > reach) return;
        low = Math.min(low, Math.max(y, least));
        high = Math.max(high, Math.min(y, greatest));
      });
    }
  };
  if (orders.includes(0)) widen(0, -most, most);
  const room = orders.includes(0) ? Math.max(0.3 * (high - low), 0.3) : most;
  const [least, greatest] = [low - room, high + room];
  for (const order of orders) if (order > 0) widen(order, least, greatest);
  const margin = Math.max((high - low) * 0.06, (0.5 - (high - low)) / 2, 0.02);
  return [low - margin, high + margin];
}

function frame(width, tall, reach, [low, high], edge) {
  const x = (v) => edge.left + ((v + reach) / (2 * reach)) * (width - edge.left - edge.right);
  const y = (v) => tall - edge.bottom - ((v - low) / (high - low)) * (tall - edge.top - edge.bottom);
  return { x, y };
}

// Far outside the window a point is moved to its rim, so that no coordinate is huge.
function outline(curve, reach, [low, high], { x, y }) {
  const span = high - low;
  let path = "";
  let open = false;
  for (let i = 0; i < curve.length; i++) {
    const v = -REACH + (2 * REACH * i) / (curve.length - 1);
    if (Math.abs(v) > reach + 1e-9) continue;
    if (Number.isNaN(curve[i])) { open = false; continue; }
    const place = Math.max(low - span, Math.min(high + span, curve[i]));
    path += `${open ? "L" : "M"}${x(v).toFixed(1)} ${y(place).toFixed(1)}`;
    open = true;
  }
  return path;
}

function thumb(bend) {
  const [width, tall, reach] = [200, 100, 4];
  const window_ = height([bend], [0, 1, 2], reach);
  const scale = frame(width, tall, reach, window_, { left: 0, right: 0, top: 2, bottom: 2 });
  const svg = make("svg", { viewBox: `0 0 ${width} ${tall}`, class: "alone", "aria-hidden": "true" });
  svg.append(axes(scale, reach, window_));
  for (const order of [2, 1, 0]) {
    svg.append(make("path", { class: `curve order-${order}`, d: outline(curves(bend)[order], reach, window_, scale) }));
  }
  return svg;
}

function axes({ x, y }, reach, [low, high]) {
  return make("path", { class: "axis", d: `M${x(-reach)} ${y(0)}H${x(reach)}M${x(0)} ${y(low)}V${y(high)}` });
}

// One, two or five times a power of ten, so that about `count` ticks fit.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

const short = (v) => (Number.isNaN(v) || v === undefined ? "–" : String(Number(v.toPrecision(4)))).replace("-", "−");

// What a parameter does: the curves for other values of it, each in a hue of its own.
function fan(bend, parameter) {
  return (bend.fans?.[parameter] ?? []).map(([value, packed], place) => ({ value, curve: unpack(packed), hue: hue(place) }));
}

function fanned(blades, reach, window_, scale) {
  return make("g", {}, ...blades.map(({ curve, hue }) => make("path", { class: "curve fan", d: outline(curve, reach, window_, scale), style: `--stroke: ${hue}` })));
}

function plot(bends, { orders, reach, cursor, vary }) {
  const [width, tall] = [480, 320];
  const window_ = height(bends, orders, reach);
  const scale = frame(width, tall, reach, window_, { left: 34, right: 8, top: 8, bottom: 22 });
  const svg = make("svg", { viewBox: `0 0 ${width} ${tall}`, class: bends.length === 1 ? "alone" : "" });
  svg.append(make("clipPath", { id: "window" }, make("rect", { x: 34, y: 8, width: width - 42, height: tall - 30 })));
  for (const v of ticks(-reach, reach, 8)) {
    svg.append(make("path", { class: "grid-line", d: `M${scale.x(v)} ${scale.y(window_[0])}V${scale.y(window_[1])}` }));
    svg.append(make("text", { class: "label", x: scale.x(v), y: tall - 6, "text-anchor": "middle" }, short(v)));
  }
  for (const v of ticks(...window_, 6)) {
    svg.append(make("path", { class: "grid-line", d: `M${scale.x(-reach)} ${scale.y(v)}H${scale.x(reach)}` }));
    svg.append(make("text", { class: "label", x: 30, y: scale.y(v) + 4, "text-anchor": "end" }, short(v)));
  }
  svg.append(axes(scale, reach, window_));
  const inside = make("g", { "clip-path": "url(#window)" });
  if (vary) inside.append(fanned(fan(bends[0], vary), reach, window_, scale));
  bends.forEach((bend, place) => {
    for (const order of orders) {
      const path = make("path", { class: `curve order-${order}`, d: outline(curves(bend)[order], reach, window_, scale) });
      if (bends.length > 1) path.style.setProperty("--stroke", hue(place));
      inside.append(path);
    }
  });
  svg.append(inside, make("g", { id: "cursor" }));
  mark(svg, bends, { orders, cursor, scale, window_ });
  svg.scale = { ...scale, reach, window_ };
  return svg;
}

// The cursor alone is drawn anew while it moves.
function mark(svg, bends, { orders, cursor, scale, window_ }) {
  const group = svg.querySelector("#cursor");
  group.replaceChildren(make("path", { class: "axis", d: `M${scale.x(cursor)} ${scale.y(window_[0])}V${scale.y(window_[1])}` }));
  bends.forEach((bend, place) => {
    for (const order of orders) {
      const v = at(curves(bend)[order], cursor);
      if (Number.isNaN(v) || v < window_[0] || v > window_[1]) continue;
      const fill = bends.length > 1 ? hue(place) : ["currentColor", "var(--first)", "var(--second)"][order];
      group.append(make("circle", { cx: scale.x(cursor), cy: scale.y(v), r: 3.5, style: `fill: ${fill}` }));
    }
  });
}

const hue = (place) => HUES[place % HUES.length];
