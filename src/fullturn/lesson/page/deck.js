// Starts the deck and shows the sources of figures.
"use strict";
(() => {
  const reading = document.documentElement.classList.contains("reading");
  const printing = /print/.test(location.search);
  const box = document.getElementById("figure-box");
  let opener = null;

  if (!reading) {
    Reveal.initialize({
      width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, center: false,
      hash: true, controls: false, slideNumber: false, transition: "none",
      backgroundTransition: "none", scrollActivationWidth: null, pdfSeparateFragments: false,
      pdfMaxPagesPerSlide: 1, totalTime: window.FULLTURN_SECONDS, plugins: [RevealNotes],
    });
    Reveal.on("slidechanged", close);
  }
  // The two layouts use different style sheets, so the page reloads.
  matchMedia("(max-width: 699px)").addEventListener("change", () => { if (!printing && window === top) location.reload(); });

  function line(name, value, code) {
    const term = document.createElement("dt"), definition = document.createElement("dd");
    term.textContent = name;
    const inner = code ? document.createElement("code") : definition;
    inner.textContent = value;
    if (code) definition.append(inner);
    return [term, definition];
  }

  function open(button) {
    const known = window.FULLTURN_FIGURES[button.dataset.figure];
    const list = document.createElement("dl");
    if (known) {
      list.append(...line("source", known.what), ...line("measured", known.date + ", " + known.machine),
        ...line("reproduce", known.command, true));
    } else {
      list.append(...line("source", button.dataset.source), ...line("read", button.dataset.read));
    }
    box.replaceChildren(list);
    box.hidden = false;
    opener = button;
    const of = button.getBoundingClientRect(), own = box.getBoundingClientRect();
    const below = of.bottom + 10 + own.height < innerHeight;
    box.style.top = Math.max(8, below ? of.bottom + 10 : of.top - own.height - 10) + "px";
    box.style.left = Math.max(8, Math.min(of.left, innerWidth - own.width - 8)) + "px";
    button.setAttribute("aria-expanded", "true");
  }

  function close() {
    if (box.hidden) return;
    box.hidden = true;
    opener?.setAttribute("aria-expanded", "false");
    opener = null;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".fig");
    const again = button && button === opener;
    if (!box.contains(event.target)) close();
    if (button && !again) open(button);
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });

  // Runs before reveal.js, which treats Escape as "overview" and Space on a button as "next slide".
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !box.hidden) {
      const back = opener;
      close();
      back?.focus();
      event.stopImmediatePropagation();
    }
    const onButton = document.activeElement?.closest?.("button, a[href]");
    if (onButton && (event.key === "Enter" || event.key === " ")) event.stopImmediatePropagation();
    if ((event.ctrlKey || event.metaKey) && event.key === "p" && !reading && !printing) {
      event.preventDefault();
      event.stopImmediatePropagation();
      window.open(location.pathname + "?view=print&then=print", "_blank");
    }
  }, true);

  function choose(tab) {
    for (const other of tab.parentElement.querySelectorAll("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
  }

  if (/then=print/.test(location.search)) Reveal.on("pdf-ready", () => print());
})();
