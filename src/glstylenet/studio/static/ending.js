// A notice of the system when a long run has ended that nobody looks at. The browser asks for leave at Run.
import { runName, stateWord } from "./run_view.js";
import { t } from "./words.js";

const LONG = 60; // seconds

// `seconds`: how long the run is expected to take. Browsers ask only where somebody has just pressed a button.
export function askForLeave(seconds) {
  if (seconds >= LONG && globalThis.Notification?.permission === "default") Notification.requestPermission();
}

export function tell(job) {
  if (job.seconds < LONG || (!document.hidden && document.hasFocus())) return;
  if (globalThis.Notification?.permission !== "granted") return;
  const shown = new Notification(t("ending.title", { state: stateWord(job.state) }), { body: runName(job), tag: job.id, silent: true });
  shown.onclick = () => {
    window.focus();
    location.hash = `job=${job.id}`;
  };
}
