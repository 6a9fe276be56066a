// The learner's page: asks for the question now and then, sends one answer, keeps only a token.
import { makeDrawable } from "./drawing.js";

const ASK_MS = 2000;
const here = new URL(location.href);
const room = (here.searchParams.get("room") ?? "").toUpperCase().slice(0, 20);
const part = (id) => document.getElementById(id);
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
let token = sessionStorage.getItem("token");
if (!token) {
  token = hex(crypto.getRandomValues(new Uint8Array(16)));
  sessionStorage.setItem("token", token);
}
let known = "";
let question = null;
let line = "";

function choose(options) {
  for (const [value, words] of options) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "answer", value });
    input.required = true;
    label.append(input, ` ${words}`);
    part("form").append(label);
  }
}

function slide(options) {
  const label = document.createElement("label");
  const output = document.createElement("output");
  const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: options.length - 1, value: 0 });
  const show = () => {
    output.textContent = options[input.value][1];
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", show);
  input.setAttribute("aria-label", question.title);
  label.append(output, input);
  part("form").append(label);
  show();
}

function sketch({ drawing: words, most }) {
  const keys = Object.assign(document.createElement("p"), { textContent: words.keys });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "clear" });
  button.textContent = words.clear;
  part("form").append(button, keys);
  const clear = makeDrawable(part("picture").firstElementChild, {
    words,
    most,
    say: (text) => (part("note").textContent = text),
    report: (text) => {
      line = text;
      part("note").textContent = "";
      part("form").querySelector("[type=submit]").disabled = !line;
    },
  });
  button.addEventListener("click", clear);
}

function show() {
  part("title").textContent = question.title;
  part("text").textContent = question.text;
  // Drawn by the server from numbers alone.
  part("picture").innerHTML = question.picture;
  part("form").replaceChildren();
  part("note").textContent = "";
  line = "";
  if (question.drawing) sketch(question);
  else (question.bySlider ? slide : choose)(question.options);
  const button = Object.assign(document.createElement("button"), { type: "submit" });
  button.textContent = question.send;
  button.disabled = Boolean(question.drawing);
  part("form").append(button);
}

function end(words) {
  part("title").textContent = words;
  for (const id of ["text", "form", "picture", "note"]) part(id).replaceChildren();
  known = "";
}

async function ask() {
  try {
    const query = new URLSearchParams({ room, token, known });
    const answer = await fetch(`join/question?${query}`);
    if (answer.status === 404) return end(document.body.dataset.closed);
    if (answer.status === 429) return end(document.body.dataset.full);
    const found = await answer.json();
    if (found.name && found.name !== known) {
      question = found;
      known = found.name;
      show();
    }
    if (found.name && found.answer) part("note").textContent = question.thanks;
    if (!found.name) part("title").textContent = document.body.dataset.waiting;
  } catch {
    // The connection is lost; the next question tries again.
  }
}

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const range = form.querySelector("input[type=range]");
  const chosen = range ? question.options[range.value][0] : new FormData(form).get("answer");
  const answer = question.drawing ? line : chosen;
  const body = JSON.stringify({ room, token, name: known, answer });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      const sent = await fetch("join/vote", { method: "POST", body });
      if (sent.ok) part("note").textContent = question.thanks;
      else await ask();
      return;
    } catch {
      await new Promise((go) => setTimeout(go, 500 * 2 ** attempt));
    }
  }
});
const again = () => ask().finally(() => setTimeout(again, ASK_MS * (0.75 + Math.random() / 2)));
again();
