// Names for what the theme leaves nameless: screen readers say which chapter an arrow opens.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("nav li > details > summary").forEach((summary) => {
    const chapter = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", `What is deeper in ${chapter ? chapter.textContent.trim() : "this chapter"}`);
  });
  document.querySelectorAll(".search-button__button").forEach((button) => button.removeAttribute("aria-label"));
});
