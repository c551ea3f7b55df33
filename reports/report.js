"use strict";
// Tables sort by the raw value of a cell, and are copied as they stand, in SI units.

const raw = (cell) => cell.dataset.v ?? cell.textContent;

function compare(a, b, numeric) {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // what is missing stays last
  return numeric ? Number(a) - Number(b) : a.localeCompare(b);
}

function sort(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const numeric = header.classList.contains("num");
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentNode.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [raw(a.cells[column]), raw(b.cells[column])];
    return (down && x !== "" && y !== "" ? -1 : 1) * compare(x, y, numeric);
  });
  body.append(...rows);
}

function csv(table) {
  const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [...table.rows].map((row) => [...row.cells].map((cell) => quote(raw(cell).trim())).join(",")).join("\n") + "\n";
}

async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // a page opened from a file may have no clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "copied";
  setTimeout(() => (button.textContent = before), 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.parentNode.matches("th")) sort(button.parentNode);
  else if ("csv" in button.dataset) copy(csv(button.closest("details").querySelector("table")), button);
  else if ("copy" in button.dataset) copy(button.previousElementSibling.textContent, button);
});
