"use strict";
// The switch of the theme, and the list of what is on the page.
(() => {
  const root = document.documentElement, button = document.querySelector("#theme");
  const names = ["auto", "light", "dark"];
  let kept = null;
  try { kept = localStorage.getItem("emolightning-theme"); } catch { /* A page from disk may have no storage. */ }
  let at = Math.max(0, names.indexOf(kept));
  const show = () => {
    if (names[at] === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", names[at]);
    button.textContent = `Theme: ${names[at]}`;
  };
  button.addEventListener("click", () => {
    at = (at + 1) % names.length;
    show();
    try { localStorage.setItem("emolightning-theme", names[at]); } catch { /* It holds for this visit. */ }
  });
  show();
  button.hidden = false;

  const contents = document.querySelector("#contents"), used = new Set();
  for (const heading of document.querySelectorAll("main > h2")) {
    if (!heading.id) {
      const base = heading.textContent.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "part";
      let id = base;
      for (let number = 2; used.has(id) || document.getElementById(id); number++) id = `${base}-${number}`;
      heading.id = id;
    }
    used.add(heading.id);
    const link = document.createElement("a");
    link.href = `#${heading.id}`;
    link.textContent = heading.dataset.short || heading.textContent;
    contents.append(link);
  }
  contents.hidden = contents.childElementCount < 2;
})();
