// The desk's one script. Every page works without it: forms that say data-live are sent without leaving the page, frames
// that say data-src show the mail where there is room for it, forms that say data-try show what is typed before it is
// kept, and lists that say data-sortable can be dragged.
"use strict";

const wide = matchMedia("(min-width: 64rem)");

// --- Frames: loaded on a wide screen alone, since readers of the desk pay for their bytes too ----------

function showFrames(root = document) {
  if (!wide.matches) return;
  for (const frame of root.querySelectorAll("iframe[data-src]")) {
    if (!frame.getAttribute("src")) frame.src = frame.dataset.src;
  }
}

// --- Forms that stay on the page ------------------------------------------------------------------------

async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  const place = button ? `${button.name}=${button.value}` : "";
  form.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await fetch(button?.getAttribute("formaction") || form.action, { method: "POST", body: fields });
  } catch {
    form.removeAttribute("aria-busy");
    return form.submit(); // the line is bad: let the browser try, and tell
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main"), here = document.querySelector("main");
  if (!main || !here) return location.assign(answer.url);
  here.replaceChildren(...main.childNodes);
  document.title = page.title;
  prepare(here);
  focusOn(here, place, new URL(answer.url).hash);
}

// The button that was pressed may have gone with its row: then the row, the article, or what was said.
function focusOn(here, place, hash) {
  const [name, value] = place.split("=");
  const same = [...here.querySelectorAll("button")].find((one) => one.name === name && one.value === value && !one.disabled);
  const row = hash ? here.querySelector(hash) : null;
  const target = same || row?.querySelector("button:not([disabled]), a") || here.querySelector("#said");
  if (!target) return;
  if (!target.matches("button, a")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest" });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-live]") || event.defaultPrevented) return;
  event.preventDefault();
  send(form, event.submitter);
});

// --- What is typed, shown before it is kept ---------------------------------------------------------------

function tryOut(form) {
  const copy = document.createElement("form");
  copy.method = "post";
  copy.action = form.dataset.try;
  copy.target = "look";
  copy.hidden = true;
  for (const [name, value] of new FormData(form)) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    copy.append(field);
  }
  document.body.append(copy);
  copy.submit();
  copy.remove();
}

function watchTyping(root) {
  for (const form of root.querySelectorAll("form[data-try]")) {
    let waiting;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      if (wide.matches) waiting = setTimeout(tryOut, 600, form);
    });
  }
  for (const field of root.querySelectorAll("[data-count]")) {
    const shown = document.createElement("span");
    shown.className = "small";
    shown.setAttribute("aria-hidden", "true");
    const count = () => {
      shown.textContent = `${[...field.value].length} / ${field.dataset.count}`;
    };
    field.after(shown);
    field.addEventListener("input", count);
    count();
  }
}

// --- Lists that can be dragged ----------------------------------------------------------------------------

function makeSortable(root) {
  for (const list of root.querySelectorAll("[data-sortable]")) {
    let moving = null;
    for (const item of list.children) item.draggable = true;
    list.addEventListener("dragstart", (event) => {
      moving = event.target.closest("[data-id]");
      moving?.classList.add("moving");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", moving?.dataset.id ?? "");
    });
    list.addEventListener("dragover", (event) => {
      const over = event.target.closest("[data-id]");
      if (!moving || !over) return;
      event.preventDefault();
      for (const item of list.children) item.classList.toggle("over", item === over && item !== moving);
    });
    list.addEventListener("drop", (event) => {
      const over = event.target.closest("[data-id]");
      if (!moving || !over || over === moving) return;
      event.preventDefault();
      const below = moving.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
      over[below ? "after" : "before"](moving);
      const order = document.createElement("input");
      order.type = "hidden";
      order.name = "order";
      order.value = [...list.children].map((item) => item.dataset.id).join(",");
      const form = list.closest("form");
      form.append(order);
      send(form, null);
    });
    list.addEventListener("dragend", () => {
      for (const item of list.children) item.classList.remove("moving", "over");
      moving = null;
    });
  }
}

function prepare(root) {
  keepFresh(root);
  showFrames(root);
  watchTyping(root);
  makeSortable(root);
}

// --- What goes on by itself --------------------------------------------------------------------------
// An element with data-refresh="2" is filled anew every two seconds with what data-from answers, until that holds
// data-ended; data-next asks for another pause. What stands in data-said is put where data-say names, to be read aloud.

function keepFresh(root) {
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

prepare(document);
wide.addEventListener("change", () => showFrames());
