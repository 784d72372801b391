// OpenSeadragon in the element "picture" of a page, with its keys, its buttons "in", "out", "whole" and "pixels", and
// the output "zoom". `options` are OpenSeadragon's own.
"use strict";

function openZoom(options) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const viewer = OpenSeadragon({
    id: "picture",
    drawer: "canvas", // WebGL takes no pictures from disk
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "BOTTOM_RIGHT",
    keyboardNavEnabled: false, // keys work wherever the focus is, see below
    animationTime: calm ? 0 : 0.5,
    immediateRender: calm,
    maxZoomPixelRatio: 8,
    visibilityRatio: 0.5,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    ...options,
  });
  const { viewport } = viewer;

  // Pixels of the screen that a pixel of the picture takes.
  const scale = () => viewport.viewportToImageZoom(viewport.getZoom(false)) * devicePixelRatio;
  const zoomBy = (factor) => viewport.zoomBy(factor).applyConstraints(calm);
  const zoomToPixels = () => viewport.zoomTo(viewport.imageToViewportZoom(1 / devicePixelRatio)).applyConstraints(calm);
  const showWhole = () => viewport.goHome(calm);
  const pan = (x, y) => viewport.panBy(viewport.deltaPointsFromPixels(new OpenSeadragon.Point(x, y))).applyConstraints(calm);
  const step = () => Math.min(innerWidth, innerHeight) / 5;
  const actions = {
    "+": () => zoomBy(1.5),
    "=": () => zoomBy(1.5),
    "-": () => zoomBy(1 / 1.5),
    "0": showWhole,
    "1": zoomToPixels,
    ArrowLeft: () => pan(-step(), 0),
    ArrowRight: () => pan(step(), 0),
    ArrowUp: () => pan(0, -step()),
    ArrowDown: () => pan(0, step()),
  };
  const act = (name) => viewer.isOpen() && actions[name]();
  document.addEventListener("keydown", (event) => {
    if (!actions[event.key] || event.ctrlKey || event.altKey || event.metaKey || !viewer.isOpen()) return;
    event.preventDefault();
    act(event.key);
  });
  for (const [id, name] of [["in", "+"], ["out", "-"], ["whole", "0"], ["pixels", "1"]]) {
    document.getElementById(id).addEventListener("click", () => act(name));
  }

  const zoom = document.getElementById("zoom");
  function tellZoom() {
    const percent = 100 * scale();
    zoom.value = `${percent < 10 ? percent.toPrecision(2) : Math.round(percent)} %`;
  }
  // A picture that is smaller than the window can be seen pixel by pixel, too.
  const limit = () => { viewport.minZoomLevel = Math.min(viewport.getHomeZoom(), viewport.imageToViewportZoom(1 / devicePixelRatio)); };
  // The whole picture stays whole in a window of another size. A small one beside it would show nothing, and hide a corner.
  let isWhole = true;
  let isResizing = false;
  function tellWhole() {
    if (!isResizing) isWhole = viewport.getZoom(false) <= 1.01 * viewport.getHomeZoom();
    viewer.navigator.element.style.visibility = isWhole ? "hidden" : "visible";
  }
  viewer.addHandler("open", limit);
  for (const change of ["open", "zoom"]) {
    viewer.addHandler(change, tellZoom);
    viewer.addHandler(change, tellWhole);
  }
  viewer.addHandler("resize", () => {
    isResizing = true;
    queueMicrotask(() => { // OpenSeadragon moves and zooms in the same turn
      isResizing = false;
      limit();
      if (isWhole) viewport.goHome(true);
      tellZoom();
    });
  });
  // A picture of another size takes the place of one: what is seen stays, and its pixels are others.
  viewer.world.addHandler("metrics-change", () => {
    if (!viewer.isOpen()) return;
    limit();
    tellZoom();
  });
  viewer.navigator.element.style.visibility = "hidden";
  viewer.canvas.setAttribute("role", "application");
  return viewer;
}
