"use strict";
// The viewer: one picture large, with zoom and pan, or two of them with a divider between, or in turns.
(() => {
  const dialog = document.querySelector("dialog.viewer");
  if (!dialog) return;
  const stage = dialog.querySelector(".stage");
  const title = dialog.querySelector("h2");
  const other = dialog.querySelector("select");
  const divider = dialog.querySelector("input[type=range]");
  const dividerLabel = divider.closest("label");
  const blink = dialog.querySelector(".blink");
  const buttons = [...document.querySelectorAll("button.open")];
  const back = new Image();
  const front = new Image();
  stage.append(front, back);
  let current = 0;
  let timer = 0;
  let turn = false;
  let view = { scale: 1, x: 0, y: 0 };

  for (const [number, button] of buttons.entries()) {
    other.add(new Option(button.dataset.title, String(number)));
    button.addEventListener("click", () => open(number));
  }

  function open(number) {
    show(number);
    if (!dialog.open) dialog.showModal();
    fit();
    stage.focus();
  }

  function show(number) {
    current = (number + buttons.length) % buttons.length;
    const button = buttons[current];
    back.src = button.querySelector("img").src;
    back.alt = button.dataset.title;
    compare();
  }

  function compare() {
    const number = Number(other.value);
    const both = other.value !== "" && number !== current;
    front.hidden = !both;
    blink.hidden = !both;
    if (!both) setBlinking(false);
    dividerLabel.hidden = !both || timer !== 0;
    title.textContent = buttons[current].dataset.title;
    if (both) {
      front.src = buttons[number].querySelector("img").src;
      front.alt = buttons[number].dataset.title;
      title.textContent += "  |  " + buttons[number].dataset.title;
    }
    draw();
  }

  function draw() {
    back.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    // The second picture may have another size: it is laid over the first.
    const stretch = front.naturalWidth ? back.naturalWidth / front.naturalWidth : 1;
    front.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale * stretch})`;
    const share = timer === 0 ? divider.value + "%" : turn ? "0%" : "100%";
    back.style.clipPath = front.hidden ? "" : `inset(0 calc(100% - ${share}) 0 0)`;
    front.style.clipPath = `inset(0 0 0 ${share})`;
    back.classList.toggle("magnified", view.scale > 2);
    front.classList.toggle("magnified", view.scale > 2);
  }

  function setBlinking(on) {
    clearInterval(timer);
    turn = false;
    timer = on ? setInterval(() => { turn = !turn; draw(); }, 700) : 0;
    blink.setAttribute("aria-pressed", String(on));
    dividerLabel.hidden = on || front.hidden;
    draw();
  }

  function fit() {
    const width = back.naturalWidth || 1;
    const height = back.naturalHeight || 1;
    const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    view = { scale, x: (stage.clientWidth - width * scale) / 2, y: (stage.clientHeight - height * scale) / 2 };
    draw();
  }

  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const scale = Math.min(32, Math.max(0.05, view.scale * factor));
    const ratio = scale / view.scale;
    view = { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    draw();
  }

  back.addEventListener("load", fit);
  front.addEventListener("load", draw);
  other.addEventListener("change", compare);
  divider.addEventListener("input", draw);
  window.addEventListener("resize", () => dialog.open && fit());
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.querySelector(".fit").addEventListener("click", fit);
  dialog.querySelector(".in").addEventListener("click", () => zoom(1.5));
  dialog.querySelector(".out").addEventListener("click", () => zoom(1 / 1.5));
  blink.addEventListener("click", () => setBlinking(timer === 0));
  dialog.addEventListener("close", () => { setBlinking(false); buttons[current].focus(); });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    view.x += event.movementX;
    view.y += event.movementY;
    draw();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.target === other || event.target === divider) return;
    const step = 40;
    const moves = {
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit,
      b: () => { if (!front.hidden) setBlinking(timer === 0); },
      n: () => { show(current + 1); fit(); }, p: () => { show(current - 1); fit(); },
      ArrowLeft: () => { view.x += step; draw(); }, ArrowRight: () => { view.x -= step; draw(); },
      ArrowUp: () => { view.y += step; draw(); }, ArrowDown: () => { view.y -= step; draw(); },
    };
    const move = moves[event.key];
    if (move) { event.preventDefault(); move(); }
  });
})();
