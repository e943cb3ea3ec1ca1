// What the theme and the tables leave to be said to readers who do not see the page.
const SCROLLERS = "pre, .cell_output .output, .table-wrapper, mjx-container";

function nameParts() {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Contents of the book");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "Contents of this page");
  document.querySelectorAll("p.caption[role=heading]").forEach((each) => each.setAttribute("aria-level", "2"));
  document.querySelectorAll("[role=doc-biblioentry], .citation-list").forEach((each) => each.removeAttribute("role"));
}

// The corner of a table heads nothing.
function emptyCorners() {
  for (const head of document.querySelectorAll("th")) {
    if (!head.textContent.trim()) {
      const cell = document.createElement("td");
      cell.className = head.className;
      cell.colSpan = head.colSpan;
      head.replaceWith(cell);
    }
  }
}

// Numbers stand under numbers; a column of words begins on the left.
function alignWords() {
  for (const table of document.querySelectorAll(".cell_output table")) {
    const heads = table.tHead?.rows[0]?.cells ?? [];
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const cell of row.querySelectorAll("td")) {
        if (/[a-z]{4}/i.test(cell.textContent)) {
          cell.classList.add("words");
          heads[cell.cellIndex]?.classList.add("words");
        }
      }
    }
  }
}

// What scrolls sideways can be reached with the keyboard, and only while it scrolls.
function markScrollers() {
  for (const box of document.querySelectorAll(SCROLLERS)) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

nameParts();
emptyCorners();
alignWords();
window.addEventListener("load", markScrollers);
window.addEventListener("resize", markScrollers);
