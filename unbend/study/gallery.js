// The gallery's state lives in the address, so that a view can be kept and sent.
"use strict";

const find = (selector) => document.querySelector(selector);
const { labels, bends } = JSON.parse(find("#data").textContent);
const list = find("#grid ul");
const cards = [...list.children];
const filters = [...document.querySelectorAll("input[name=is]")];
const state = { q: "", is: new Set(), family: "", sort: "order", down: false, on: [], orders: null, vary: "", reach: REACH, cursor: 1 };

bends.forEach((bend, place) => {
  bend.at = place;
  bend.card = cards[place];
  const said = [bend.name, bend.title, ...(bend.aliases ?? []), bend.formula, bend.formula.replaceAll(" ", ""), bend.family, bend.when, bend.kind, bend.paper?.[0]];
  bend.text = said.join(" ").toLowerCase();
  bend.names = [bend.name, bend.title, ...(bend.aliases ?? [])].map((name) => name.toLowerCase());
});
const keyOf = (bend) => (bend.kind === "layer" ? bend.title : bend.name);
const named = new Map(bends.map((bend) => [keyOf(bend), bend]));

// --- what is shown, and in which order

function matches(bend) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => bend.text.includes(word))
    && [...state.is].every((key) => bend.is?.includes(key))
    && (!state.family || bend.family === state.family);
}

function rank(bend) {
  const q = state.q.trim().toLowerCase();
  if (bend.names.includes(q)) return 0;
  return bend.names.some((name) => name.startsWith(q)) ? 1 : bend.names.some((name) => name.includes(q)) ? 2 : 3;
}

// Bends without the number that sorts stay at the end whichever way the others go.
function compare(a, b) {
  const way = state.down ? -1 : 1;
  if (state.sort === "order") return (state.q ? rank(a) - rank(b) : 0) || way * (a.at - b.at);
  if (state.sort === "name") return way * a.title.localeCompare(b.title, "en", { sensitivity: "base", numeric: true });
  const [x, y] = [a[state.sort], b[state.sort]];
  return (x === undefined) - (y === undefined) || way * ((x ?? 0) - (y ?? 0)) || a.at - b.at;
}

function arrange() {
  const shown = bends.filter(matches).sort(compare);
  const hidden = new Set(bends);
  for (const bend of shown) hidden.delete(bend);
  for (const bend of bends) bend.card.hidden = hidden.has(bend);
  list.append(...shown.map((bend) => bend.card));
  find("#count").textContent = shown.length === bends.length ? `${bends.length} bends` : `${shown.length} of ${bends.length}`;
  find("#none").hidden = shown.length > 0;
}

// --- choosing

const drawable = () => state.on.filter((bend) => curves(bend));

// Several bends with all their derivatives are a thicket: unless told, they show their values only.
const orders = () => (varied() ? [0] : state.orders ?? (drawable().length > 1 ? [0] : [0, 1, 2]));
const varied = () => (state.on.length === 1 && state.on[0].fans?.[state.vary] ? state.vary : "");
const view = () => ({ orders: orders(), reach: state.reach, cursor: state.cursor, vary: varied() });

function toggle(bend) {
  const there = state.on.indexOf(bend);
  if (there >= 0) state.on.splice(there, 1);
  else state.on = [...state.on, bend].slice(-HUES.length);
  show();
}

function choose(bend) {
  state.on = state.on.length === 1 && state.on[0] === bend ? [] : [bend];
  show();
}

function show() {
  const drawn = drawable();
  for (const bend of bends) {
    const place = state.on.indexOf(bend);
    bend.card.classList.toggle("on", place >= 0);
    bend.card.style.setProperty("--hue", hue(Math.max(drawn.indexOf(bend), 0)));
    bend.card.querySelector(".pick").ariaPressed = String(place >= 0);
    bend.card.querySelector(".add").ariaPressed = String(place >= 0);
    bend.card.querySelector(".add").textContent = place >= 0 ? "−" : "+";
  }
  find(".hall").classList.toggle("busy", state.on.length > 0);
  find("#fold").textContent = state.on.map((bend) => bend.title).join(", ");
  for (const button of document.querySelectorAll("[data-order]")) button.ariaPressed = String(orders().includes(Number(button.dataset.order)));
  find("#plot").hidden = find("#read").hidden = find(".plotbar").hidden = drawn.length === 0;
  if (drawn.length) {
    find("#plot").replaceChildren(plot(drawn, view()));
    read(drawn);
  }
  const articles = [...state.on].reverse().map((bend) => told(bend, drawn));
  const facts = drawn.length ? [table(drawn)] : [];
  find("#told").replaceChildren(...(articles.length > 1 ? [...facts, ...articles] : [...articles, ...facts]));
  keep();
}

function dot(bend, drawn) {
  const mark = make("span", { class: "dot" });
  mark.style.background = drawn.length > 1 && drawn.includes(bend) ? hue(drawn.indexOf(bend)) : "currentColor";
  return mark;
}

function read(drawn) {
  const heads = [`x = ${short(state.cursor)}`, ...orders().map((order) => ORDERS[order])];
  const blades = varied() ? fan(drawn[0], varied()) : [];
  const body = drawn.map((bend) => make("tr", {}, make("th", { scope: "row" }, dot(bend, drawn), bend.title),
    ...orders().map((order) => make("td", { class: "number" }, short(at(curves(bend)[order], state.cursor))))));
  for (const { value, curve, hue } of blades) {
    const mark = make("span", { class: "dot", style: `background: ${hue}` });
    body.push(make("tr", {}, make("th", { scope: "row" }, mark, `${varied()} = ${short(value)}`), make("td", { class: "number" }, short(at(curve, state.cursor)))));
  }
  find("#read").replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...body)));
  const plotted = find("#plot");
  plotted.ariaValueNow = String(state.cursor);
  plotted.ariaValueText = `x ${short(state.cursor)}: ` + drawn.map((bend) => `${bend.title} ${short(at(curves(bend)[0], state.cursor))}`).join(", ");
}

// The facts of the chosen bends side by side; lines that say nothing of any of them are left out.
function table(drawn) {
  const rows = labels.map((label, place) => [label, drawn.map((bend) => bend.facts[place])])
    .filter(([, texts]) => texts.some(Boolean))
    .map(([label, texts]) => make("tr", {}, make("th", { scope: "row" }, label), ...texts.map((text) => make("td", {}, text || "–"))));
  const heads = drawn.length > 1 ? [make("thead", {}, make("tr", {}, make("th"), ...drawn.map((bend) => make("th", { scope: "col" }, dot(bend, drawn), bend.title))))] : [];
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Facts" }, make("table", {}, ...heads, make("tbody", {}, ...rows)));
}

function told(bend, drawn) {
  const close = make("button", { type: "button", "aria-label": `take ${bend.title} away` }, "×");
  close.addEventListener("click", () => toggle(bend));
  const parts = [make("h2", {}, ...(drawn.length > 1 ? [dot(bend, drawn)] : []), bend.title, close)];
  if (bend.summary) parts.push(make("p", {}, bend.summary));
  if (bend.is?.includes("unverified")) parts.push(make("p", { class: "warning" }, bend.status));
  parts.push(make("div", { class: "big" }, ...[...bend.card.querySelector(".formula").children].map((node) => node.cloneNode(true))));
  if (bend.code) parts.push(snippet(bend.code));
  if (bend.fans && state.on.length === 1) parts.push(knobs(bend));
  const lines = [["parameters", bend.parameters], ["computed as", bend.computed], ["also called", bend.aliases?.join(", ")], ["the same as", bend.same], ["family", bend.family],
    ["year", bend.when], ["in the survey", bend.place], ["formula", bend.is?.includes("unverified") ? "" : bend.status], ["note", bend.note]];
  parts.push(make("dl", {}, ...lines.filter(([, text]) => text).flatMap(([label, text]) => [make("dt", {}, label), make("dd", {}, text)])));
  if (bend.paper) {
    const [title, arxiv] = bend.paper;
    const link = arxiv ? make("a", { href: `https://arxiv.org/abs/${arxiv}`, rel: "noreferrer" }, `arXiv:${arxiv}`) : "";
    parts.push(make("p", {}, make("cite", {}, title), " ", link));
  }
  const found = (bend.findings ?? []).map((finding) => make("li", {}, make("b", { class: finding.verdict.replaceAll(" ", "-") }, finding.verdict),
    `: ${finding.claim}. `, make("small", {}, `Gain ${interval(finding)}, ${finding.seeds} seeds, study ${finding.study}, ${finding.date}.`)));
  if (found.length) parts.push(make("ul", { "aria-label": "Recorded verdicts" }, ...found));
  return make("article", {}, ...parts);
}

// One button for each parameter: it shows the curves for half to twice its value.
function knobs(bend) {
  const buttons = Object.keys(bend.fans).map((name) => {
    const button = make("button", { type: "button", "aria-pressed": String(varied() === name) }, name);
    button.addEventListener("click", () => { state.vary = varied() === name ? "" : name; state.cursor = snapped(state.cursor); show(); find(`#told button[data-knob="${name}"]`).focus(); });
    button.dataset.knob = name;
    return button;
  });
  return make("p", { class: "knobs" }, "vary ", ...buttons);
}

const interval = ({ low, high }) => (low === null ? "unknown" : `${short(low)} to ${short(high)}`);

function snippet(code) {
  const shown = make("code", { tabindex: "0" }, code);
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(shown); // the browser keeps the clipboard to itself: leave one key to press
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return make("div", { class: "snippet" }, shown, button);
}

// --- the address

function keep() {
  const parts = new URLSearchParams();
  if (state.q) parts.set("q", state.q);
  if (state.is.size) parts.set("is", [...state.is].join(","));
  if (state.family) parts.set("family", state.family);
  if (state.sort !== "order") parts.set("sort", state.sort);
  if (state.down) parts.set("down", "1");
  if (state.on.length) parts.set("on", state.on.map(keyOf).join(","));
  if (state.orders) parts.set("f", state.orders.join(""));
  if (varied()) parts.set("vary", varied());
  if (state.reach !== REACH) parts.set("x", state.reach);
  history.replaceState(null, "", parts.size ? `#${parts}` : location.pathname + location.search);
}

function recall() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const several = (name) => (parts.get(name) ?? "").split(",").filter(Boolean);
  state.q = parts.get("q") ?? "";
  state.is = new Set(several("is").filter((key) => filters.some((box) => box.value === key)));
  state.family = [...find("#family").options].some((option) => option.value === parts.get("family")) ? parts.get("family") : "";
  state.sort = [...find("#sort").options].some((option) => option.value === parts.get("sort")) ? parts.get("sort") : "order";
  state.down = parts.get("down") === "1";
  state.on = several("on").map((name) => named.get(name) ?? bends.find((bend) => bend.names.includes(name.toLowerCase()))).filter(Boolean).slice(0, HUES.length);
  const given = [0, 1, 2].filter((order) => parts.get("f")?.includes(order));
  state.orders = given.length ? given : null;
  state.vary = parts.get("vary") ?? "";
  state.reach = [1, 2, 3, 5].includes(Number(parts.get("x"))) ? Number(parts.get("x")) : REACH;
  find("#q").value = state.q;
  find("#family").value = state.family;
  find("#sort").value = state.sort;
  find("#range").value = state.reach;
  find("#way").ariaPressed = String(state.down);
  find("#way").textContent = state.down ? "↑" : "↓";
  for (const box of filters) box.checked = state.is.has(box.value);
  arrange();
  show();
}

// --- what people do

function changed() {
  Object.assign(state, { q: find("#q").value.trim(), family: find("#family").value, sort: find("#sort").value });
  state.is = new Set(filters.filter((box) => box.checked).map((box) => box.value));
  arrange();
  keep();
}

// The curves of a fan have every other point only.
const grid = () => (varied() ? 2 * GRID : GRID);
const snapped = (x) => Math.max(-state.reach, Math.min(state.reach, Math.round(x / grid()) * grid()));

function move(x) {
  const drawn = drawable();
  const svg = find("#plot svg");
  if (!svg) return;
  state.cursor = snapped(x);
  mark(svg, drawn, { ...view(), window_: svg.scale.window_, scale: svg.scale });
  read(drawn);
}

function pointed(event) {
  const svg = find("#plot svg");
  const box = svg.getBoundingClientRect();
  const [left, right] = [svg.scale.x(-svg.scale.reach), svg.scale.x(svg.scale.reach)];
  const there = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  move(-svg.scale.reach + ((there - left) / (right - left)) * 2 * svg.scale.reach);
}

function saved() {
  const svg = find("#plot svg").cloneNode(true);
  svg.querySelector("#cursor").remove();
  const [inks, paths] = [find("#plot svg").querySelectorAll("*"), svg.querySelectorAll("*")];
  paths.forEach((node, place) => {
    const look = getComputedStyle(inks[place]);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family"]) node.style.setProperty(name, look.getPropertyValue(name));
  });
  svg.setAttribute("width", 960);
  svg.prepend(make("rect", { width: "100%", height: "100%", fill: getComputedStyle(find("#bench")).backgroundColor }));
  const link = make("a", { download: `${state.on.map((bend) => bend.name).join("-")}.svg` });
  link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
  link.click();
  URL.revokeObjectURL(link.href);
}

// Arrow keys walk over the cards as they lie on the screen.
function walk(event) {
  const card = event.target.closest?.("#grid li");
  const shown = [...list.children].filter((item) => !item.hidden);
  const wide = Math.max(1, shown.findIndex((item) => item.offsetTop > shown[0].offsetTop));
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
  const next = card && step && shown[shown.indexOf(card) + step];
  if (!next) return false;
  next.querySelector(".pick").focus();
  return true;
}

document.addEventListener("click", ({ target, ctrlKey, metaKey, shiftKey }) => {
  const card = target.closest("#grid li");
  const bend = card && bends[card.dataset.at];
  if (target.closest(".add")) toggle(bend);
  else if (target.closest(".pick")) (ctrlKey || metaKey || shiftKey ? toggle : choose)(bend);
  else if (target.dataset?.order) {
    const order = Number(target.dataset.order);
    state.vary = "";
    const others = orders().filter((one) => one !== order);
    state.orders = orders().includes(order) ? (others.length ? others : [order]) : [...others, order].sort();
    show();
  } else if (target.id === "clear") { state.on = []; show(); }
  else if (target.id === "save") saved();
  else if (target.id === "reset") { location.hash = ""; recall(); }
  else if (target.id === "way") { state.down = !state.down; target.ariaPressed = String(state.down); target.textContent = state.down ? "↑" : "↓"; changed(); }
  else if (target.id === "fold") target.ariaExpanded = String(find("#bench").classList.toggle("unfolded"));
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search], select");
  if (event.target.id === "plot" && event.key.startsWith("Arrow")) {
    const way = event.key === "ArrowLeft" || event.key === "ArrowDown" ? -1 : 1;
    move(state.cursor + way * (event.shiftKey ? 10 : 1) * grid());
    event.preventDefault();
  } else if (event.key === "/" && !typing) { find("#q").focus(); event.preventDefault(); }
  else if (event.key === "Escape" && !typing && state.on.length) { state.on = []; show(); }
  else if (event.key === "+" && event.target.closest?.("#grid li")) toggle(bends[event.target.closest("li").dataset.at]);
  else if (event.key.startsWith("Arrow") && !typing && walk(event)) event.preventDefault();
});

find(".tools").addEventListener("input", changed);
find(".tools").addEventListener("submit", (event) => event.preventDefault());
find("#range").addEventListener("change", ({ target }) => { state.reach = Number(target.value); state.cursor = snapped(state.cursor); show(); });
find("#plot").addEventListener("pointermove", pointed);
find("#plot").addEventListener("pointerdown", pointed);
addEventListener("hashchange", recall);

// A picture is drawn when its card comes near the screen.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.querySelector(".thumb").replaceChildren(thumb(bends[target.dataset.at]));
  }
}, { rootMargin: "600px" });
for (const bend of bends) if (bend.curve) near.observe(bend.card);
recall();
