// Small helpers that every picture uses, the tip that follows the pointer, and the switch between light and dark.

const content = JSON.parse(document.getElementById("content").textContent);
const byId = (id) => document.getElementById(id);

/** An HTML element: attributes (functions are listeners, true is an empty attribute) and children. */
function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const count = (value) => Math.round(value).toLocaleString("en");
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const minus = (text) => String(text).replace("-", "−");
const figure = (value) => minus(Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 8 }));
const className = (index) => content.names?.[index] ?? String(index);

/** Text beside the pointer. Whatever shows it says the same somewhere else, for those who have no pointer. */
const tip = byId("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
}
function hideTip() {
  tip.hidden = true;
}

/** Draw now and whenever the box gets another width. */
function responsive(box, draw) {
  let drawn = 0;
  new ResizeObserver(() => {
    if (box.clientWidth && box.clientWidth !== drawn) draw((drawn = box.clientWidth));
  }).observe(box);
  if (box.clientWidth) draw((drawn = box.clientWidth));
}

/** A chart that is asked by pointer or arrow keys: tell(index) marks a place and returns what there is to say. */
function askable(svg, places, indexAt, tell) {
  let current = null;
  const speak = (index, x, y) => {
    current = Math.max(0, Math.min(places - 1, index));
    const text = tell(current);
    svg.setAttribute("aria-valuetext", text.replaceAll("\n", ", "));
    svg.setAttribute("aria-valuenow", current);
    showTip(text, x, y);
  };
  const stop = () => {
    hideTip();
    tell(null);
  };
  fill(svg, {
    tabindex: "0", role: "slider", "aria-valuemin": "0", "aria-valuemax": String(places - 1), "aria-valuenow": "0",
    pointermove: (event) => speak(indexAt(event.clientX - svg.getBoundingClientRect().left), event.clientX, event.clientY),
    pointerleave: stop,
    blur: stop,
    keydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -places, End: places }[event.key];
      if (event.key === "Escape") stop();
      if (!step) return;
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      speak(current === null && Math.abs(step) < places ? Math.floor(places / 2) : (current ?? 0) + step, box.left + box.width / 2, box.top);
    },
  }, []);
}

const theme = byId("theme");
const root = document.documentElement;
const stored = (value) => {
  try { // some browsers keep nothing for files, or nothing at all
    return value === undefined ? localStorage.getItem("goldcrest-theme") : localStorage.setItem("goldcrest-theme", value);
  } catch {
    return null;
  }
};
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
function setTheme(value) {
  if (value) root.dataset.theme = value;
  theme.textContent = isDark() ? "Light" : "Dark";
  theme.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
}
theme.hidden = false;
theme.addEventListener("click", () => {
  const value = isDark() ? "light" : "dark";
  stored(value);
  setTheme(value);
});
setTheme(stored());
