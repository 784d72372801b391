// Dialogs: the help, and a question before something is lost.

const help = document.getElementById("help");
const confirmBox = document.getElementById("confirm");
const yes = document.getElementById("confirm-yes");
const no = document.getElementById("confirm-no");

export function openHelp() {
  if (!help.open) help.showModal();
}

export function setup() {
  document.getElementById("open-help").addEventListener("click", openHelp);
  help.querySelector(".close").addEventListener("click", () => help.close());
  for (const dialog of [help, confirmBox]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
}

export const anyOpen = () => document.querySelector("dialog[open]") !== null;

// Resolves to true if the user agrees.
export function ask(title, text, agree, decline) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  yes.textContent = agree;
  no.textContent = decline;
  confirmBox.showModal();
  no.focus();
  return new Promise((resolve) => {
    yes.onclick = () => {
      resolve(true);
      confirmBox.close();
    };
    no.onclick = () => confirmBox.close();
    confirmBox.onclose = () => resolve(false);
  });
}
