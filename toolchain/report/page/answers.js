// Which classes are taken for which others, and the wrong samples: a cell of the matrix picks those that belong to it.

const { samples = [], picture } = content.answers;
const PAGE = innerWidth < 700 ? 30 : 60; // pictures at first; a narrow page is long enough as it is
let picked = null; // the cell of the matrix: [right, says]
let shownSamples = PAGE;

const pixels = picture ? Uint8Array.from(atob(picture.pixels), (letter) => letter.charCodeAt(0)) : null;

/** The sample's picture on a canvas of its own size; the style enlarges it. */
function drawn(n) {
  const { width, height, channels } = picture;
  const canvas = element("canvas", { width, height, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const at = n * width * height * channels + i * channels;
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = pixels[at + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function showSamples() {
  const chosen = samples.map((sample, n) => ({ sample, n })).filter(({ sample }) => !picked || (sample.right === picked[0] && sample.says === picked[1]));
  const line = byId("picked");
  if (picture) showPictures(chosen);
  else for (const row of byId("sample-table")?.tBodies[0].rows ?? []) {
    row.hidden = Boolean(picked) && (Number(row.dataset.right) !== picked[0] || Number(row.dataset.says) !== picked[1]);
  }
  if (!line) return;
  const of = picked ? content.answers.confusion[picked[0]][picked[1]] : content.answers.wrong;
  const where = picked ? `${className(picked[0])} taken for ${className(picked[1])}: ` : "";
  line.replaceChildren(`${where}${chosen.length < of ? `${count(chosen.length)} of ${count(of)}, the most certain first` : count(of)}`);
  if (picked) line.append(element("button", { type: "button", class: "quiet", id: "all-samples", click: () => pick(null) }, "all"));
}

function showPictures(chosen) {
  const wrong = byId("wrong");
  wrong.style.setProperty("--aspect", `${picture.width} / ${picture.height}`);
  wrong.replaceChildren(...chosen.slice(0, shownSamples).map(({ sample, n }) => {
    const said = `test sample ${sample.index}: is ${className(sample.right)}, the chip says ${className(sample.says)}`;
    return element("button", { type: "button", "aria-label": said, "aria-pressed": "false", "data-sample": n, click: (event) => showSample(n, event.currentTarget) },
      drawn(n), className(sample.right), element("span", { class: "arrow" }, " → "), className(sample.says));
  }));
  byId("more-samples")?.remove();
  if (chosen.length > shownSamples) {
    const more = () => { shownSamples += PAGE * 2; showSamples(); };
    wrong.after(element("button", { type: "button", class: "quiet more", id: "more-samples", click: more }, `${count(chosen.length - shownSamples)} more`));
  }
  if (chosen.length) showSample(chosen[0].n, wrong.firstChild);
}

function showSample(n, button) {
  const sample = samples[n];
  for (const each of document.querySelectorAll("#wrong button")) each.setAttribute("aria-pressed", String(each === button));
  const high = Math.max(...sample.scores);
  const low = Math.min(...sample.scores, 0);
  const lines = sample.scores.flatMap((score, index) => [
    element("span", {}, sample.scores.length > 1 ? className(index) : "score"),
    element("i", { class: index === sample.says ? "says" : index === sample.right ? "right" : "", style: { width: `${(100 * (score - low)) / (high - low || 1)}%` } }),
    element("span", {}, figure(score)),
  ]);
  byId("sample-detail").replaceChildren(drawn(n), element("div", {},
    element("p", {}, `Test sample ${sample.index} is ${className(sample.right)}; the chip says ${className(sample.says)}, the float network ${className(sample.float)}. The chip's scores:`),
    element("div", { class: "scores" }, ...lines)));
}

function pick(cell) {
  picked = picked && cell && picked[0] === cell[0] && picked[1] === cell[1] ? null : cell;
  shownSamples = PAGE;
  for (const button of document.querySelectorAll("#confusion button")) {
    const { right, says } = button.parentElement.dataset;
    button.setAttribute("aria-pressed", String(Boolean(picked) && Number(right) === picked[0] && Number(says) === picked[1]));
  }
  showSamples();
}

const cells = [...document.querySelectorAll("#confusion td[data-count]")];
const mistakes = cells.filter((cell) => !cell.classList.contains("same") && Number(cell.dataset.count));
const most = Math.max(...mistakes.map((cell) => Number(cell.dataset.count)), 1);
for (const cell of mistakes) {
  const [right, says, number] = ["right", "says", "count"].map((key) => Number(cell.dataset[key]));
  cell.classList.add("wrong");
  cell.style.setProperty("--share", Math.sqrt(number / most).toFixed(3));
  cell.replaceChildren(element("button", {
    type: "button", "aria-pressed": "false", "aria-label": `${number} × ${className(right)} taken for ${className(says)}`,
    click: () => pick([right, says]),
    pointermove: (event) => showTip(`${number} × ${className(right)} taken for ${className(says)}`, event.clientX, event.clientY),
    pointerleave: hideTip,
  }, String(number)));
}
showSamples();
