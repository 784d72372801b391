// Which part of the page is in front: pictures and maps, settings (small windows), result.

const buttons = [...document.querySelectorAll("[data-goto]")];

export function goto(view) {
  document.body.dataset.view = view;
  document.querySelector(".work").scrollTop = 0;
  window.scrollTo(0, 0);
  for (const button of buttons) {
    if (button.dataset.goto === view) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

export function setup() {
  for (const button of buttons) button.addEventListener("click", () => goto(button.dataset.goto));
  // A window made wide again has the settings beside everything else.
  matchMedia("(min-width: 60rem)").addEventListener("change", ({ matches }) => {
    if (matches && document.body.dataset.view === "settings") goto("paint");
  });
}
