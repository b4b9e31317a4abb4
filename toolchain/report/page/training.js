// The course of training: each measure of an epoch, on the training and on the validation samples.

const epochs = content.history?.epochs ?? [];
const WIDTH_OF_LABEL = 92;

/** Two to five round values between two others; those themselves if they are the same. */
function roundValues(low, high) {
  if (!(high > low)) return [low];
  const decade = 10 ** Math.floor(Math.log10(high - low));
  const steps = [0.2, 0.5, 1, 2].map((part) => part * decade);
  const within = (step) => [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  const step = steps.find((each) => within(each)[1] - within(each)[0] < 5) ?? steps.at(-1);
  const [first, last] = within(step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function curve(name) {
  const series = [[`validation_${name}`, "validation", ""], [name, "training", "learned"]].filter(([key]) => typeof epochs[0][key] === "number");
  const box = element("div", { class: "chart" }, element("h4", {}, name.replaceAll("_", " ")));
  const holder = element("div");
  box.append(holder);
  const values = series.flatMap(([key]) => epochs.map((epoch) => epoch[key]).filter(Number.isFinite));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const share = name.includes("accuracy");
  const written = (value) => (share ? `${(100 * value).toFixed(2)} %` : figure(value));
  responsive(holder, (width) => {
    const [height, left, foot] = [190, 54, 24];
    const inner = width - left - WIDTH_OF_LABEL;
    const x = (i) => left + (epochs.length > 1 ? (i / (epochs.length - 1)) * inner : inner / 2);
    const y = (value) => 8 + (height - 8) * (1 - (value - low + room) / (high - low + 2 * room));
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height + foot}`, height: height + foot, "aria-label": `${name} by epoch` });
    for (const value of roundValues(low, high)) {
      svg.append(shape("line", { class: "grid", x1: left, x2: left + inner, y1: y(value), y2: y(value) }));
      svg.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, share ? `${figure(100 * value)} %` : figure(value)));
    }
    const kept = epochs.findIndex((epoch) => epoch.epoch === content.history.kept_epoch);
    if (kept >= 0) svg.append(shape("line", { class: "kept", x1: x(kept), x2: x(kept), y1: 8, y2: height }));
    const ends = series.map(([key]) => y(epochs.at(-1)[key]));
    if (ends.length === 2 && Math.abs(ends[0] - ends[1]) < 14) {
      const [upper, lower] = ends[0] <= ends[1] ? [0, 1] : [1, 0];
      const middle = (ends[0] + ends[1]) / 2;
      [ends[upper], ends[lower]] = [middle - 7, middle + 7];
    }
    series.forEach(([key, title, kind], n) => {
      const points = epochs.map((epoch, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(epoch[key]).toFixed(1)}`).join("");
      svg.append(shape("path", { class: `line ${kind}`, d: points }));
      svg.append(shape("path", { class: `line ${kind}`, d: `M${left + inner + 8} ${ends[n]}h16` }));
      svg.append(shape("text", { class: "strong", x: left + inner + 29, y: ends[n] + 4 }, title));
    });
    svg.append(shape("line", { class: "axis", x1: left, x2: left + inner, y1: height, y2: height }));
    const marks = epochs.length > 1 ? [0, epochs.length - 1] : [0];
    for (const i of marks) svg.append(shape("text", { x: x(i), y: height + 17, "text-anchor": "middle" }, `${i ? "" : "epoch "}${epochs[i].epoch}`));
    const cursor = shape("line", { class: "cursor", y1: 8, y2: height, visibility: "hidden" });
    const dots = series.map(([, , kind]) => shape("circle", { class: `dot ${kind}`, r: 4, visibility: "hidden" }));
    svg.append(cursor, ...dots);
    askable(svg, epochs.length, (at) => Math.round(((at - left) / inner) * (epochs.length - 1)), (i) => {
      for (const mark of [cursor, ...dots]) mark.setAttribute("visibility", i === null ? "hidden" : "visible");
      if (i === null) return "";
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(i));
      series.forEach(([key], n) => fill(dots[n], { cx: x(i), cy: y(epochs[i][key]) }, []));
      return `epoch ${epochs[i].epoch}\n` + series.map(([key, title]) => `${title} ${written(epochs[i][key])}`).join("\n");
    });
    holder.replaceChildren(svg);
  });
  return box;
}

if (epochs.length) {
  const measures = Object.keys(epochs[0]).filter((key) => key !== "epoch" && !key.startsWith("validation_") && typeof epochs[0][key] === "number");
  byId("curves").append(...measures.map(curve));
}
