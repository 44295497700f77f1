"use strict";
// The search hides what does not have all the words, and says how much is left. On a narrow screen the contents begin closed.
const field = document.getElementById("search");
const found = document.getElementById("found");
const contents = document.getElementById("contents");
const articles = [...document.querySelectorAll("[data-search]")].map((element) => ({ element, text: element.textContent.toLowerCase() }));
const groups = [...document.querySelectorAll("[data-group]")];

field.closest("p").hidden = false;
if (matchMedia("(max-width: 50rem)").matches) contents.open = false;

field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const { element, text } of articles) {
    const fits = words.every((word) => text.includes(word));
    element.hidden = !fits;
    left += fits;
    const link = document.querySelector(`[data-for="${element.id}"]`);
    if (link) link.hidden = !fits;
  }
  for (const group of groups) group.hidden = !group.querySelector("[data-search]:not([hidden]), [data-for]:not([hidden])");
  found.textContent = words.length === 0 ? "" : left === 0 ? "Nothing found." : `${left} found.`;
});
