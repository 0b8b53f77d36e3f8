// Tables sort by a click on a heading; figures are saved as they stand. Without this script the page only reads.
"use strict";

const text = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
}

// Rows without a value stay at the end whichever way the others go.
function sort(heading) {
  const body = heading.closest("table").tBodies[0];
  const way = heading.ariaSort === "ascending" ? -1 : 1;
  const column = heading.cellIndex;
  const rows = [...body.rows].sort((r, s) => {
    const [a, b] = [text(r, column), text(s, column)];
    return (a === "") - (b === "") || way * compare(a, b);
  });
  for (const other of heading.parentElement.cells) other.ariaSort = "none";
  heading.ariaSort = way === 1 ? "ascending" : "descending";
  body.append(...rows);
}

// The page draws in its own ink on its own ground; a saved figure gets black on white.
function save(button) {
  const svg = button.closest("figure").querySelector("svg").cloneNode(true);
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of [["width", "100%"], ["height", "100%"], ["fill", "white"]]) ground.setAttribute(name, value);
  svg.prepend(ground);
  const drawn = new XMLSerializer().serializeToString(svg).replaceAll("currentColor", "#1c2126");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([drawn], { type: "image/svg+xml" }));
  link.download = button.dataset.save;
  link.click();
  URL.revokeObjectURL(link.href);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.save) save(button);
  else if (button?.closest("table.sorts thead")) sort(button.closest("th"));
});
