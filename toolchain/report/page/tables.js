// Tables that sort by the column whose head is pressed; once more turns the order round.

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button", class: "sort", click: () => sort(table, heads, column) });
    button.append(...head.childNodes);
    head.append(button);
  });
}

function sort(table, heads, column) {
  const numeric = heads[column].dataset.type === "number";
  const before = heads[column].getAttribute("aria-sort");
  const direction = before === null ? (numeric ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
  const sign = direction === "ascending" ? 1 : -1;
  const value = (row) => numeric ? Number(row.cells[column].dataset.value) : row.cells[column].textContent.trim();
  const compare = numeric ? (a, b) => value(a) - value(b) : (a, b) => value(a).localeCompare(value(b), "en", { numeric: true });
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", direction);
}
