"use strict";
for (const table of document.querySelectorAll("table[data-sort]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const isNumber = head.classList.contains("number");
    const first = isNumber ? "descending" : "ascending";
    const second = isNumber ? "ascending" : "descending";
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const compare = (a, b) => isNumber ? a - b : a.localeCompare(b, "en", { numeric: true });
      const rows = [...table.tBodies[0].rows];
      // What is unknown stays at the end in both orders.
      const known = rows.filter((row) => key(row) !== "");
      const unknown = rows.filter((row) => key(row) === "");
      known.sort((a, b) => (order === "ascending" ? 1 : -1) * compare(key(a), key(b)));
      table.tBodies[0].append(...known, ...unknown);
    });
  });
}
