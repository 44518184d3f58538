"use strict";
const field = document.getElementById("filter");
const rows = Array.from(document.querySelectorAll("#tapsets tbody tr"), (row) => [row, row.textContent.toLowerCase()]);
field.hidden = false;
field.setAttribute("aria-label", "Filter the tapsets");
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/);
  for (const [row, text] of rows) row.hidden = !words.every((word) => text.includes(word));
});
