// Memory as nested rectangles: layers and their symbols. Squarified as by Bruls, Huizing and van Wijk (2000).

const map = byId("treemap");
const GAP = 2;
const HEAD = 20; // pixels of a frame's own line
const state = { memory: "program", opened: null, free: false };

/** Rectangles in proportion to the values (largest first), as near to squares as they can be. */
function squarified(items, x, y, width, height) {
  const placed = [];
  const total = items.reduce((sum, item) => sum + item.bytes, 0);
  const scale = total ? (width * height) / total : 0;
  let rest = items.filter((item) => item.bytes > 0);
  const worst = (row, side) => {
    const sum = row.reduce((s, item) => s + item.bytes * scale, 0);
    const areas = row.map((item) => item.bytes * scale);
    return Math.max((side * side * Math.max(...areas)) / (sum * sum), (sum * sum) / (side * side * Math.min(...areas)));
  };
  while (rest.length) {
    const side = Math.min(width, height);
    let length = 1;
    while (length < rest.length && worst(rest.slice(0, length + 1), side) <= worst(rest.slice(0, length), side)) length += 1;
    const row = rest.slice(0, length);
    const area = row.reduce((sum, item) => sum + item.bytes * scale, 0);
    const depth = side ? area / side : 0;
    let along = 0;
    for (const item of row) {
      const extent = depth ? (item.bytes * scale) / depth : 0;
      placed.push(width >= height ? { item, x, y: y + along, width: depth, height: extent } : { item, x: x + along, y, width: extent, height: depth });
      along += extent;
    }
    if (width >= height) { x += depth; width -= depth; } else { y += depth; height -= depth; }
    rest = rest.slice(length);
  }
  return placed;
}

function groups() {
  const all = content[state.memory].map((group, index) => ({
    ...group,
    index,
    colour: ["kernels", "application", "static"].includes(group.kind) ? "var(--h0)" : `var(--h${(index % 6) + 1})`,
  }));
  const used = all.reduce((sum, group) => sum + group.bytes, 0);
  const free = content.budgets[state.memory] - used;
  if (state.free && free > 0) all.push({ name: "free", kind: "free", bytes: free, symbols: [], index: all.length });
  return { all, used };
}

function drawMap() {
  const { all, used } = groups();
  const opened = all.find((group) => group.index === state.opened);
  const { clientWidth: width, clientHeight: height } = map;
  const shown = opened ? [opened] : [...all].sort((a, b) => b.bytes - a.bytes);
  map.replaceChildren();
  for (const { item: group, ...box } of squarified(shown, 0, 0, width, height)) {
    const said = `${group.name}: ${count(group.bytes)} B, ${percent(group.bytes / used)} of what is used`;
    const frame = cell("frame" + (group.kind === "free" ? " free" : ""), box, group.colour, group.kind === "free" ? `free: ${count(group.bytes)} B` : said);
    if (box.height > HEAD && box.width > 30) frame.append(element("span", {}, box.width > 130 ? `${group.name}  ${count(group.bytes)} B` : group.name));
    if (!opened && group.symbols.length) frame.addEventListener("click", () => open(group.index));
    map.append(frame);
    const inside = [box.x + GAP, box.y + HEAD + 2, box.width - 2 * GAP, box.height - HEAD - 2 - GAP];
    if (inside[2] < 8 || inside[3] < 8) continue;
    for (const { item: symbol, ...place } of squarified(group.symbols, ...inside)) {
      const code = symbol.what === "code" ? " code" : "";
      const text = `${symbol.name}: ${count(symbol.bytes)} B, ${symbol.what}, ${percent(symbol.bytes / used)} of what is used; ${group.name}`;
      const node = cell(`symbol${code}`, place, group.colour, text);
      if (place.height > 16 && place.width > 46) {
        node.append(element("span", {}, short(symbol.name), place.height > 34 ? element("small", {}, `${count(symbol.bytes)} B`) : null));
      }
      if (!opened) node.addEventListener("click", () => open(group.index));
      map.append(node);
    }
  }
  map.firstChild?.setAttribute("tabindex", "0");
  byId("up").hidden = !opened;
}

/** A layer's frame says which layer it is; its symbols need not. */
const short = (name) => name.replace(/^gc_(w|k|layer)_(\d+_)?/, "");

function cell(kind, box, colour, text) {
  return element("button", {
    type: "button", class: `cell ${kind}`, tabindex: "-1", "aria-label": text,
    style: {
      left: `${box.x}px`, top: `${box.y}px`,
      width: `${Math.max(1, box.width - 1)}px`, height: `${Math.max(1, box.height - 1)}px`,
      ...(colour ? { "--c": colour } : {}),
    },
    pointerenter: () => { byId("memory-detail").textContent = text; },
    focus: () => { byId("memory-detail").textContent = text; },
  });
}

function open(index) {
  state.opened = index;
  byId("memory-detail").textContent = "";
  drawMap();
  map.firstChild?.focus({ preventScroll: true });
}

map.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.opened !== null) open(null);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const cells = [...map.children];
  const next = cells[(cells.indexOf(document.activeElement) + step + cells.length) % cells.length];
  for (const each of cells) each.setAttribute("tabindex", each === next ? "0" : "-1");
  next.focus();
});

byId("up").addEventListener("click", () => open(null));
byId("free").addEventListener("change", (event) => {
  state.free = event.target.checked;
  state.opened = null;
  drawMap();
});
for (const button of document.querySelectorAll("[data-memory]")) {
  button.addEventListener("click", () => {
    Object.assign(state, { memory: button.dataset.memory, opened: null });
    for (const each of document.querySelectorAll("[data-memory]")) each.setAttribute("aria-pressed", String(each === button));
    byId("memory-detail").textContent = "";
    drawMap();
  });
}
byId("memory-controls").hidden = false;
map.classList.add("drawn");
responsive(map, drawMap);
