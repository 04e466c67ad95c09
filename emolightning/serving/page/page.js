// Everything that comes from clips, models and other users is put into the page as text, never as HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const MODALITIES = { video: "picture", audio: "voice", text: "words" };
let clip = null;
let token = sessionStorage.getItem("token") || "";
let recorder = null;
let doubts = {};

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function makeSvg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function checkbox(value, text, isChecked) {
  return make("label", { className: "chip" }, make("input", { type: "checkbox", value, checked: isChecked }), text);
}

const checked = (id) => [...$(id).querySelectorAll("input:checked")].map((input) => input.value);

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The server cannot be reached, or it has refused the clip while it was sent (too large?).");
  }
  if (response.ok) return response;
  if (response.status === 401) $("token-part").hidden = false;
  let detail = `The server answered with ${response.status}.`;
  try { detail = (await response.json()).detail || detail; } catch { /* not JSON */ }
  throw new Error(detail);
}

function showResults(answers, seen) {
  $("answers").replaceChildren(...answers.map(answerCard));
  showSeen(seen);
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
  if (text) $("empty").hidden = true;
}

function choose(blob, name, transcript) {
  // Words and answers of the clip before are not those of this one; words that were typed before any clip are.
  if (clip && transcript === undefined) transcript = "";
  showResults([], null);
  $("empty").hidden = false;
  clip = { blob, name };
  $("chosen").textContent = `${name} (${blob.size < 2 ** 20 ? `${Math.ceil(blob.size / 1024)} KiB` : `${(blob.size / 2 ** 20).toFixed(1)} MiB`})`;
  if (transcript !== undefined) $("transcript").value = transcript || "";
  const player = $("player");
  if (player.src) URL.revokeObjectURL(player.src);
  player.srcObject = null;
  player.muted = false;
  player.src = URL.createObjectURL(blob);
  player.hidden = false;
  $("submit").disabled = false;
  $("listen").disabled = false;
  showProblem("");
}

async function listen() {
  const form = new FormData();
  form.append("media", clip.blob, clip.name);
  const asked = clip;
  $("listen").disabled = true;
  $("listen").textContent = "Listening ...";
  showProblem("");
  try {
    const heard = (await (await ask("/transcript", { method: "POST", body: form })).json()).transcript;
    if (asked !== clip) return;
    if (heard) $("transcript").value = heard;
    else showProblem("No words were heard in the clip.");
  } catch (error) {
    showProblem(error.message);
  } finally {
    $("listen").disabled = false;
    $("listen").textContent = "Listen to the clip";
  }
}

async function record() {
  if (recorder) { recorder.stop(); return; }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  } catch (error) {
    showProblem(`The camera cannot be used: ${error.message}`);
    return;
  }
  const pieces = [];
  const player = $("player");
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => pieces.push(event.data);
  recorder.onstop = () => {
    stream.getTracks().forEach((track) => track.stop());
    const type = recorder.mimeType;
    recorder = null;
    $("record").textContent = "Record";
    $("record").classList.remove("recording");
    choose(new Blob(pieces, { type }), "recording", "");
  };
  player.srcObject = stream;
  player.muted = true;
  player.hidden = false;
  player.play();
  recorder.start();
  $("record").textContent = "Stop";
  $("record").classList.add("recording");
}

function answerCard(answer) {
  const label = answer.label || "no single label";
  const card = make("article", { className: "panel answer" },
    make("div", { className: "name" }, make("span", { textContent: answer.run }), make("span", { textContent: `${answer.seconds.toFixed(1)} s` })),
    make("div", { className: answer.label ? "label" : "label none", textContent: label }));
  const chances = Object.entries(answer.probabilities).sort((one, other) => other[1] - one[1]);
  const bars = make("div", { className: "bars" });
  chances.forEach(([name, chance]) => {
    const best = name === answer.label ? " best" : "";
    const fill = make("i");
    fill.style.width = `${100 * chance}%`;
    bars.append(
      make("span", { className: best, textContent: name }),
      make("div", { className: `bar${best}`, role: "img", ariaLabel: `${name} ${(100 * chance).toFixed(1)} %` }, fill),
      make("span", { className: `value${best}`, textContent: `${(100 * chance).toFixed(1)} %` }));
  });
  card.append(bars);
  if (answer.label && chances.length && chances[0][0] !== answer.label) {
    card.append(make("p", { className: "note", textContent: `The answer that was written is not the most likely label, ${chances[0][0]}.` }));
  }
  if (answer.text.trim() !== answer.label) card.append(make("p", { className: "said" }, make("b", { textContent: "Answer" }), answer.text || "(nothing)"));
  if (answer.explanation !== null) card.append(make("p", { className: "said" }, make("b", { textContent: "Explanation" }), answer.explanation || "(nothing)"));
  const inputs = make("ul", { className: "inputs" });
  for (const [name, state] of Object.entries(answer.inputs)) {
    const kind = state === "used" || state === "off" ? state : "missing";
    inputs.append(make("li", { className: kind, textContent: state === "used" ? name : `${name}: ${state}` }));
  }
  card.append(inputs);
  card.append(make("ul", { className: "doubts" }, ...(doubts[answer.run] || []).map((textContent) => make("li", { textContent }))));
  return card;
}

function showSeen(seen) {
  $("seen").hidden = !seen;
  if (!seen) return;
  const facts = [];
  if (seen.num_frames) facts.push(`${seen.num_frames} frames`);
  if (seen.frames.length) facts.push(`${seen.frames[0].width} x ${seen.frames[0].height}`);
  if (seen.seconds) facts.push(`${seen.seconds.toFixed(1)} s of sound`);
  $("facts").textContent = facts.join(", ");
  $("frames").replaceChildren(...seen.frames.map((frame) => {
    const shown = make("div", { className: "frame" }, make("img", { src: frame.picture, alt: `frame ${frame.position}` }));
    if (frame.box) {
      const svg = makeSvg("svg", { viewBox: `0 0 ${frame.width} ${frame.height}`, "aria-hidden": "true" });
      const [x, y, side] = frame.box;
      svg.append(makeSvg("rect", { x, y, width: side, height: side }));
      shown.append(svg);
    }
    shown.append(make("span", { textContent: `frame ${frame.position}` }));
    return shown;
  }));
  $("faces").replaceChildren(...seen.faces.map((picture, place) => make("img", { src: picture, alt: `face ${place + 1}` })));
  $("face").textContent = seen.face;
  $("wave").replaceChildren();
  if (seen.wave.length) {
    const loudest = Math.max(...seen.wave, 1e-6);
    const heights = seen.wave.map((value) => 26 * value / loudest);
    const upper = heights.map((height, x) => `${x},${28 - height}`);
    const lower = heights.map((height, x) => `${x},${28 + height}`).reverse();
    const svg = makeSvg("svg", { viewBox: `0 0 ${seen.wave.length} 56`, preserveAspectRatio: "none", role: "img", "aria-label": "sound" });
    svg.append(makeSvg("polygon", { points: [...upper, ...lower].join(" ") }));
    $("wave").append(svg);
  }
  $("remarks").replaceChildren(...seen.remarks.map((text) => make("li", { textContent: text })));
}

async function submit(event) {
  event.preventDefault();
  if (!clip) return;
  const form = new FormData();
  form.append("media", clip.blob, clip.name);
  for (const name of ["transcript", "question"]) if ($(name).value.trim()) form.append(name, $(name).value);
  checked("modalities").forEach((name) => form.append("modalities", name));
  checked("runs").forEach((name) => form.append("runs", name));
  form.append("explain", $("explain").checked);
  form.append("pictures", "true");
  if (!form.has("modalities")) { showProblem("Choose at least one of picture, voice and words."); return; }
  $("submit").disabled = true;
  $("submit").textContent = "Waiting for the answer ...";
  showProblem("");
  try {
    const result = await (await ask("/predict", { method: "POST", body: form })).json();
    showResults(result.answers, result.seen);
    $("empty").hidden = true;
    showProblem(result.problems.map((each) => `${each.run}: ${each.reason}`).join("\n"));
    if (matchMedia("(max-width: 820px)").matches) $("answers").scrollIntoView({ behavior: "smooth" });
  } catch (error) {
    showResults([], null);
    showProblem(error.message);
  } finally {
    $("submit").disabled = false;
    $("submit").textContent = "Ask";
  }
}

async function showStatus() {
  try {
    const health = await (await ask("/health")).json();
    const waiting = health.waiting ? `${health.waiting} of at most ${health.max_waiting} requests wait` : "nobody waits";
    $("status").textContent = `${health.runs.join(", ")}: ready, ${waiting}`;
  } catch {
    $("status").textContent = "The server cannot be reached.";
  }
}

async function tryExample(number, example) {
  try {
    choose(await (await ask(`/examples/${number}`)).blob(), example.name, example.transcript);
  } catch (error) {
    showProblem(error.message);
  }
}

async function start() {
  const about = await (await ask("/card")).json();
  $("token-part").hidden = true;
  const seen = new Set(about.runs.flatMap((each) => Object.values(each.inputs)));
  $("modalities").replaceChildren(...Object.entries(MODALITIES).filter(([name]) => seen.has(name)).map(([name, text]) => checkbox(name, text, true)));
  $("runs").replaceChildren(...about.runs.map((each) => checkbox(each.run, each.run, true)));
  $("runs-part").hidden = about.runs.length < 2;
  $("question").placeholder = about.runs[0].question;
  $("examples").replaceChildren(...about.examples.map((each, number) => {
    const button = make("button", { type: "button", className: "chip", textContent: each.name.replace(/\.\w+$/, "") });
    button.onclick = () => tryExample(number, each);
    return button;
  }));
  $("examples-part").hidden = !about.examples.length;
  $("listen").hidden = !about.listens;
  doubts = Object.fromEntries(about.runs.map((each) => [each.run, each.doubts]));
  const cards = about.runs.filter((each) => each.card);
  $("card-text").textContent = cards.map((each) => each.card).join("\n\n");
  $("card").hidden = !cards.length;
  showProblem("");
}

$("ask").addEventListener("submit", submit);
$("file").onchange = () => { const [file] = $("file").files; if (file) choose(file, file.name); };
$("record").onclick = record;
$("listen").onclick = listen;
$("record").hidden = !navigator.mediaDevices || !window.MediaRecorder;
$("use-token").onclick = () => {
  token = $("token").value.trim();
  sessionStorage.setItem("token", token);
  start().catch((error) => showProblem(error.message));
};
$("token").onkeydown = (event) => { if (event.key === "Enter") { event.preventDefault(); $("use-token").click(); } };
for (const kind of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    const file = kind === "drop" && event.dataTransfer.files[0];
    if (file) choose(file, file.name);
  });
}
$("player").onerror = () => { if (clip && $("player").src) $("player").hidden = true; };
start().catch((error) => showProblem(error.message));
showStatus();
setInterval(showStatus, 5000);
