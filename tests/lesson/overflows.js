// Text of the present slide that leaves the slide, runs into its footer or leaves its box.
() => {
  const slide = document.querySelector("section.present .slide");
  const edge = slide.getBoundingClientRect();
  const foot = slide.querySelector("footer").getBoundingClientRect();
  const found = [], said = (what, node) => found.push(`${what}: ${node.textContent.trim().slice(0, 50)}`);
  const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const node = texts.currentNode, parent = node.parentElement;
    if (!node.data.trim() || parent.closest("title, desc, option, select, .panel-main, .panel-side")) continue;
    range.selectNodeContents(node);
    const svg = parent.closest("svg text");
    for (const at of svg ? [svg.getBoundingClientRect()] : range.getClientRects()) {
      if (!at.width) continue;
      if (at.left < edge.left || at.right > edge.right || at.top < edge.top || at.bottom > edge.bottom)
        said("leaves the slide", node);
      else if (!parent.closest("footer") && at.bottom > foot.top + 2) said("runs into the footer", node);
    }
  }
  for (const box of slide.querySelectorAll("g.box")) {
    const own = box.querySelector("rect").getBoundingClientRect();
    for (const text of box.querySelectorAll("text")) {
      const at = text.getBoundingClientRect();
      if (at.width && (at.left < own.left + 4 || at.right > own.right - 4)) said("leaves its box", text);
    }
  }
  for (const drawing of slide.querySelectorAll("svg.drawing")) {
    const all = [...drawing.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    all.forEach(([text, at], place) => all.slice(place + 1).forEach(([other, its]) => {
      const wide = Math.min(at.right, its.right) - Math.max(at.left, its.left);
      const high = Math.min(at.bottom, its.bottom) - Math.max(at.top, its.top);
      if (at.width && wide > 2 && high > 0.35 * Math.min(at.height, its.height))
        said(`overlaps '${other.textContent}'`, text);
    }));
  }
  for (const part of slide.querySelectorAll(".main, .still, .art, .card, .fact, .turn, td, th, .panel-bar")) {
    if (part.offsetParent && (part.scrollWidth > part.clientWidth + 2 || part.scrollHeight > part.clientHeight + 14))
      said(`is larger than its ${part.className || part.tagName}`, part);
  }
  return found;
}
