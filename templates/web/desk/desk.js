// The desk's one script. Every page works without it.
"use strict";

// --- What goes on by itself --------------------------------------------------------------------------
// An element with data-refresh="2" is filled anew every two seconds with what data-from answers, until that holds
// data-ended; data-next asks for another pause. What stands in data-said is put where data-say names, to be read aloud.

function keepFresh(root = document) {
  for (const element of root.querySelectorAll("[data-refresh]")) {
    let failures = 0;
    const pause = () => {
      const asked = element.querySelector("[data-next]")?.dataset.next ?? element.dataset.refresh;
      return Math.min(Number(asked) * 2 ** failures, 60) * 1000;
    };
    const look = async () => {
      if (!element.isConnected || element.querySelector("[data-ended]")) return;
      if (!document.hidden) {
        try {
          const answer = await fetch(element.dataset.from);
          if (answer.redirected) return; // logged out meanwhile: the page stays as it was
          if (answer.ok) fill(element, await answer.text());
          failures = answer.ok ? 0 : failures + 1;
        } catch {
          failures += 1; // the line is bad: less and less often
        }
      }
      setTimeout(look, pause());
    };
    setTimeout(look, pause());
  }
}

// A button that is being pressed, or has the focus, must not vanish under the finger.
function fill(element, text) {
  if (element.querySelector("button:active")) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  const said = element.querySelector("[data-said]")?.dataset.said ?? "";
  const voice = document.getElementById(element.dataset.say);
  if (voice && voice.textContent !== said) voice.textContent = said;
}

keepFresh();
