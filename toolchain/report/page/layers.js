// A layer's histograms: how many weights and activations have each code, and what the float network has there.

const panel = byId("layer-panel");
const rows = [...document.querySelectorAll("[data-layer]")];
let logarithmic = true;

function showLayer(index) {
  const layer = content.layers[index];
  for (const row of rows) row.setAttribute("aria-selected", String(Number(row.dataset.layer) === index));
  const bound = layer.error.bound === null ? "" : `, proven to stay below ${figure(layer.error.bound)}`;
  const accumulator = layer.accumulator
    ? ` Its sums take ${layer.accumulator.bits} bits at most, in accumulators of ${layer.accumulator.width}.` : "";
  const note = `One step is ${figure(layer.scale)}. Against float it errs by ${figure(layer.error.mean)} on average `
    + `and ${figure(layer.error.max)} at most${bound}.${accumulator}`;
  panel.replaceChildren(
    element("div", { class: "head" },
      element("h3", {}, layer.name),
      element("label", {},
        element("input", { type: "checkbox", id: "logarithmic", checked: logarithmic, change: (event) => { logarithmic = event.target.checked; showLayer(index); byId("logarithmic").focus(); } }),
        " logarithmic counts")),
    element("p", { class: "note" }, note),
    element("div", { class: "pair" },
      layer.weights ? histogram("Weights", { ...layer.weights, scale: null }, "weights") : null,
      histogram("Activations", { ...layer.activations, scale: layer.scale, zero: layer.zero_point }, "values")),
    layer.choice && Object.keys(layer.choice.candidates ?? {}).length > 1 ? candidates(layer.choice) : "",
  );
}

function histogram(title, data, kind) {
  const box = element("div", { class: "chart" });
  const total = data.counts.reduce((sum, each) => sum + each, 0);
  const least = data.least ?? data.low;
  const drawn = Math.max(data.real?.length ?? 0, data.high - least + 1);
  const label = `${title}: ${count(total)} values over the codes ${minus(data.low)} to ${data.high}`;
  box.append(element("h4", {}, title));
  box.append(element("p", { class: "legend" },
    element("span", { class: "swatch", style: { background: kind === "weights" ? "var(--h2)" : "var(--h1)" } }), "integers on the chip",
    data.real ? element("span", {}, "   ", element("span", { class: "swatch float" }), "float network") : null));
  const holder = element("div");
  box.append(holder);
  const top = Math.max(...data.counts, ...(data.real ?? [0]));
  const level = (value) => (logarithmic ? Math.log1p(value) / Math.log1p(top) : value / top);
  responsive(holder, (width) => {
    const [height, left, foot] = [170, 46, 34];
    const inner = width - left - 6;
    const x = (code) => left + ((code - least) / drawn) * inner;
    const y = (value) => 6 + (height - 6) * (1 - level(value));
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height + foot}`, height: height + foot, "aria-label": label });
    for (const tick of ticks(top)) {
      svg.append(shape("line", { class: "grid", x1: left, x2: width - 6, y1: y(tick), y2: y(tick) }));
      svg.append(shape("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, brief(tick)));
    }
    for (const [from, to, edge] of [[least, data.low, data.low], [data.high + 1, least + drawn, data.high + 1]]) {
      if (to <= from) continue;
      svg.append(shape("rect", { class: "outside", x: x(from), y: 6, width: x(to) - x(from), height: height - 6 }));
      svg.append(shape("line", { class: "limit", x1: x(edge), x2: x(edge), y1: 6, y2: height }));
    }
    const bar = Math.max(1, inner / drawn - (inner / drawn > 4 ? 1 : 0));
    const path = data.counts.map((value, i) => (value ? `M${x(data.low + i).toFixed(1)} ${height}V${y(value).toFixed(1)}h${bar.toFixed(1)}V${height}z` : "")).join("");
    svg.append(shape("path", { class: `bars ${kind}`, d: path }));
    if (data.real) {
      const steps = data.real.map((value, i) => `${i ? "L" : "M"}${x(least + i).toFixed(1)} ${y(value).toFixed(1)}H${x(least + i + 1).toFixed(1)}`).join("");
      svg.append(shape("path", { class: "real", d: steps }));
    }
    svg.append(shape("line", { class: "axis", x1: left, x2: width - 6, y1: height, y2: height }));
    const middle = Math.round((data.low + data.high + 1) / 2);
    for (const [code, anchor] of [[data.low, "start"], [middle, "middle"], [data.high, "end"]]) {
      const real = data.scale === null ? "" : ` = ${figure((code - data.zero) * data.scale)}`;
      svg.append(shape("text", { x: x(code + 0.5), y: height + 16, "text-anchor": anchor === "start" && code > least ? "middle" : anchor }, `${code === data.low ? "code " : ""}${minus(code)}${width > 380 && code !== data.zero ? real : ""}`));
    }
    const far = [[data.below, "start", left], [data.above, "end", width - 6]];
    for (const [number, anchor, at] of far) {
      if (number) svg.append(shape("text", { x: at, y: height + 31, "text-anchor": anchor }, `${count(number)} float values farther out`));
    }
    const cursor = shape("line", { class: "cursor", y1: 6, y2: height, visibility: "hidden" });
    svg.append(cursor);
    askable(svg, drawn, (at) => Math.floor(((at - left) / inner) * drawn), (i) => {
      cursor.setAttribute("visibility", i === null ? "hidden" : "visible");
      if (i === null) return "";
      const code = least + i;
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(code + 0.5));
      const inside = code >= data.low && code <= data.high;
      const real = data.scale === null ? "" : ` = ${figure((code - data.zero) * data.scale)}`;
      const integers = inside ? `${count(data.counts[code - data.low])} on the chip` : "outside of the code's range: cut off";
      return `code ${minus(code)}${real}\n${integers}${data.real ? `\n${count(data.real[i] ?? 0)} in the float network` : ""}`;
    });
    holder.replaceChildren(svg);
  });
  return box;
}

function ticks(top) {
  if (!logarithmic) return [0, top / 2, top].map(Math.round);
  const powers = [0];
  for (let power = 1; power <= top; power *= 10) powers.push(power);
  return powers.length > 5 ? powers.filter((_, i) => i === 0 || (powers.length - 1 - i) % 2 === 0) : powers;
}

const brief = (value) => (value >= 1e6 ? `${value / 1e6}M`.replace(/(\.\d)\d+/, "$1") : value >= 1e4 ? `${Math.round(value / 1e3)}k` : count(value));

function candidates(choice) {
  const line = (name, { mean, worst, flash }) => element("tr", {},
    element("th", { scope: "row" }, element("code", {}, name), name === choice.kernel ? " ← chosen" : ""),
    ...[mean, worst, flash].map((value) => element("td", { "data-value": value }, count(value))));
  const heads = ["kernel", "cycles, mean", "cycles, worst", "flash, B"].map((name, i) => element("th", { scope: "col", ...(i ? { "data-type": "number" } : {}) }, name));
  const body = Object.entries(choice.candidates).sort((a, b) => a[1].mean - b[1].mean).map(([name, cost]) => line(name, cost));
  return element("div", {}, element("h4", {}, "Kernels that were weighed"),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Kernels that were weighed" }, element("table", { class: "numbers candidates" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body))));
}

for (const row of rows) row.addEventListener("click", () => showLayer(Number(row.dataset.layer)));
if (rows.length) showLayer(0);
