"use strict";

const element = (id) => document.getElementById(id);
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const methodNames = {
  "grad-cam": "Grad-CAM", "grad-cam++": "Grad-CAM++", "smooth-grad-cam++": "Smooth-GradCAM++", "layer-cam": "Layer-CAM",
  "hires-cam": "HiRes-CAM", "lots": "LOTS", "random-cam": "Random-CAM (baseline: means nothing)",
};

let model = null;
let answer = null;
let grey = null;      // 8-bit grey values as decoded, before window and level
let view = { scale: 1, left: 0, top: 0 };
let generation = 0;   // of what is shown: answers to older questions are dropped
let heatmaps = new Map();

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  let detail = response.statusText;
  try {
    const body = await response.json();
    if (typeof body.detail === "string") detail = body.detail;
  } catch { /* no JSON: the status text stays */ }
  throw new Error(detail);
}

function say(text) { element("status").textContent = text; }

function showProblem(title, reason) {
  const bold = document.createElement("strong");
  bold.textContent = title;
  const first = document.createElement("p");
  first.append(bold);
  const second = document.createElement("p");
  second.textContent = reason;
  element("problem").replaceChildren(first, second);
  element("problem").hidden = false;
}

/* The model */

async function describeModel() {
  model = await (await ask("/api/model")).json();
  const { card } = model;
  element("synthetic").hidden = !card.synthetic;
  element("largest").textContent = model.max_upload_mib;
  element("software").textContent = `${model.software}. For research; not a medical device.`;
  const methods = model.heatmap_methods.toSorted((a, b) => (a === "random-cam") - (b === "random-cam"));
  element("method").replaceChildren(new Option("None", ""), ...methods.map((method) => new Option(methodNames[method] ?? method, method)));
  element("method").value = methods.includes("grad-cam") ? "grad-cam" : "";
  const fields = {
    Model: card.name,
    "Trained on": `${card.cohort}${card.adapted_on ? `, last layer refitted on ${card.adapted_on}` : ""}${card.synthetic ? ", synthetic phantoms" : ""}`,
    Input: card.input,
    Threshold: `PNEUMONIA at a probability of ${card.threshold.toFixed(3)} or more`,
    "Referred to a reader": card.referral,
    ...testFields(card.test),
    "Model file, SHA-256": card.model_sha256,
  };
  element("card-fields").replaceChildren(...Object.entries(fields).map(([title, text]) => {
    const field = document.createElement("div");
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = title;
    description.textContent = text;
    field.classList.toggle("wide", title.includes("SHA-256"));
    field.append(term, description);
    return field;
  }));
  for (const [id, uses] of [["intended", card.intended_uses], ["out-of-scope", card.out_of_scope_uses]]) {
    element(id).replaceChildren(...uses.map((use) => Object.assign(document.createElement("li"), { textContent: use })));
  }
}

function testFields(test) {
  if (!test) return { "Performance on test": "not stored in this bundle" };
  const part = (share, number, kind) => (share === null ? "undefined" : `${percent(share)} of ${number} ${kind}`);
  return {
    "Sensitivity on test": part(test.sensitivity, test.pneumonia, "with pneumonia"),
    "Specificity on test": part(test.specificity, test.normal, "without"),
    "AUROC on test": test.auroc === null ? "undefined" : test.auroc.toFixed(3),
  };
}

/* Opening a radiograph */

async function open(file) {
  const mine = ++generation;
  element("problem").hidden = true;
  element("result").hidden = true;
  document.body.classList.remove("opened");
  answer = null;
  heatmaps = new Map();
  showHeatmap(null);
  if (model && file.size > model.max_upload_mib * 2 ** 20) {
    say("");
    showProblem("The file is too large.", `It has ${Math.ceil(file.size / 2 ** 20)} MiB; the limit is ${model.max_upload_mib} MiB.`);
    return;
  }
  say(`Reading ${file.name} …`);
  try {
    const given = await (await ask("/api/predict?keep=true", {
      method: "POST",
      body: file,
      headers: { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name.toWellFormed()) },
    })).json();
    const picture = given.radiograph ? await loadPicture(given.radiograph) : null;
    if (mine !== generation) return;
    answer = given;
    show(picture);
  } catch (error) {
    if (mine !== generation) return;
    say("");
    showProblem(`${file.name} could not be used.`, sentence(error.message));
  }
}

function sentence(text) {
  const trimmed = text.trim();
  return trimmed && `${trimmed[0].toUpperCase()}${trimmed.slice(1)}${/[.?!]$/.test(trimmed) ? "" : "."}`;
}

async function loadPicture(token) {
  const response = await ask(`/api/radiographs/${token}/picture`);
  return createImageBitmap(await response.blob());
}

function show(picture) {
  const refused = answer.decision === "refused";
  say("");
  document.body.classList.add("opened");
  element("name").textContent = answer.name || "radiograph";
  element("decision").textContent = {
    PNEUMONIA: "Pneumonia", NORMAL: "No pneumonia detected", referred: "Referred to a reader", refused: "Refused",
  }[answer.decision];
  element("words").textContent = words();
  for (const id of ["gauge", "numbers", "meaning"]) element(id).hidden = refused;
  element("explanation").hidden = refused || !picture;
  if (!refused) {
    const [probability, threshold] = [answer.probability, answer.threshold];
    element("probability").textContent = percent(probability);
    element("threshold").textContent = percent(threshold);
    element("below").style.width = element("limit").style.left = percent(threshold, 3).replace(" ", "");
    element("mark").style.left = percent(probability, 3).replace(" ", "");
    describePrevalence();
  }
  element("result").hidden = false;
  document.querySelector(".viewer").hidden = !picture;
  if (picture) {
    takeGrey(picture);
    resetGrey();
    fit();
    if (!refused) askForHeatmap();
  }
  element("decision").focus({ preventScroll: true });
}

function words() {
  const { probability, threshold, reason } = answer;
  switch (answer.decision) {
    case "refused":
      return `The model gives no decision and no probability: ${reason}.`;
    case "referred":
      return `The model does not decide: ${reason}. A reader has to look at this radiograph.`;
    case "PNEUMONIA":
      return `The probability of pneumonia, ${percent(probability)}, reaches the threshold of ${percent(threshold)}.`;
    default:
      return `The probability of pneumonia, ${percent(probability)}, is below the threshold of ${percent(threshold)}. This does not mean that the patient is healthy.`;
  }
}

/* What it means at a prevalence */

async function describePrevalence() {
  const prevalence = Number(element("prevalence").value);
  element("prevalence-value").textContent = prevalence;
  if (!answer || answer.decision === "refused") return;
  const test = model.card.test;
  if (!test || test.sensitivity === null || test.specificity === null) {
    element("predictive").textContent = "Sensitivity and specificity of this model are not known.";
    element("basis").textContent = "";
    return;
  }
  const values = await (await ask(`/api/model/predictive-values?prevalence=${prevalence / 100}`)).json();
  if (Number(element("prevalence").value) !== prevalence || !answer) return;
  element("predictive").textContent = meaning(values);
  element("basis").textContent = `By Bayes' rule from the test split: sensitivity ${percent(test.sensitivity)} (${test.pneumonia} with pneumonia), specificity ${percent(test.specificity)} (${test.normal} without), every radiograph decided at the threshold. Other patients may differ.`;
}

function meaning({ positive, negative }) {
  const called = (name, share, right, wrong) => (share === null
    ? `No radiograph would be called ${name}.`
    : `Of 100 radiographs called ${name}, about ${hundred(share)} would ${right}, and ${hundred(1 - share)} ${wrong}.`);
  const ill = called("PNEUMONIA", positive, "have pneumonia", "would be false alarms");
  const well = called("NORMAL", negative, "have no pneumonia", "would be missed pneumonias");
  return { PNEUMONIA: ill, NORMAL: well }[answer.decision] ?? `Decided by the threshold alone, without a reader: ${ill} ${well}`;
}

function hundred(share) {
  const number = 100 * share;
  if (number > 0 && number < 1) return "fewer than 1";
  if (number > 99 && number < 100) return "more than 99";
  return String(Math.round(number));
}

/* Grey values */

function takeGrey(picture) {
  const canvas = element("radiograph");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  grey = new Uint8Array(data.length / 4);
  for (let pixel = 0; pixel < grey.length; pixel++) grey[pixel] = data[4 * pixel];
  canvas.setAttribute("aria-label", `Radiograph ${answer.name}, ${picture.width} by ${picture.height} pixels`);
}

function drawGrey() {
  const [width, level] = [Number(element("window").value), Number(element("level").value)];
  element("window-value").textContent = width;
  element("level-value").textContent = level;
  if (!grey) return;
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) table[value] = 255 * ((value - level) / width + 0.5);
  if (width === 256 && level === 128) for (let value = 0; value < 256; value++) table[value] = value;
  const canvas = element("radiograph");
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let pixel = 0; pixel < grey.length; pixel++) pixels[pixel] = 0xff000000 | (table[grey[pixel]] * 0x010101);
  context.putImageData(image, 0, 0);
}

function resetGrey() {
  element("window").value = 256;
  element("level").value = 128;
  drawGrey();
}

/* Zoom */

/* As high as the radiograph at full width, but no higher than most of the window. */
function shapeStage() {
  const [stage, canvas] = [element("stage"), element("radiograph")];
  const height = stage.clientWidth * canvas.height / canvas.width;
  stage.style.height = `${Math.round(Math.max(240, Math.min(height, 0.7 * innerHeight)))}px`;
}

function fittingScale() {
  const [stage, canvas] = [element("stage"), element("radiograph")];
  return Math.min(stage.clientWidth / canvas.width, stage.clientHeight / canvas.height);
}

function fit() {
  shapeStage();
  const [stage, canvas, scale] = [element("stage"), element("radiograph"), fittingScale()];
  view = { scale, left: (stage.clientWidth - scale * canvas.width) / 2, top: (stage.clientHeight - scale * canvas.height) / 2 };
  place();
}

function place() {
  const [stage, canvas, layers] = [element("stage"), element("radiograph"), element("layers")];
  const bounded = (position, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, position)));
  view.left = bounded(view.left, view.scale * canvas.width, stage.clientWidth);
  view.top = bounded(view.top, view.scale * canvas.height, stage.clientHeight);
  layers.style.width = `${canvas.width}px`;
  layers.style.height = `${canvas.height}px`;
  layers.style.transform = `translate(${view.left}px, ${view.top}px) scale(${view.scale})`;
  element("scale").textContent = percent(view.scale / fittingScale(), 0);
  // Where there is nothing to move, a finger scrolls the page.
  stage.style.touchAction = view.scale > fittingScale() ? "none" : "pan-y";
}

function zoom(factor, x = element("stage").clientWidth / 2, y = element("stage").clientHeight / 2) {
  const scale = Math.min(12 * fittingScale(), Math.max(fittingScale(), view.scale * factor));
  const ratio = scale / view.scale;
  view = { scale, left: x - ratio * (x - view.left), top: y - ratio * (y - view.top) };
  place();
}

function move(right, down) {
  view.left += right;
  view.top += down;
  place();
}

function zoomByKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": fit,
    ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function zoomByPointer() {
  const stage = element("stage");
  const pointers = new Map();
  const middle = () => {
    const [first, second = first] = [...pointers.values()];
    return { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2, distance: Math.hypot(first.x - second.x, first.y - second.y) };
  };
  const inStage = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  stage.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, inStage(event));
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("dragging");
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middle();
    pointers.set(event.pointerId, inStage(event));
    const after = middle();
    move(after.x - before.x, after.y - before.y);
    if (before.distance && after.distance) zoom(after.distance / before.distance, after.x, after.y);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      stage.classList.toggle("dragging", pointers.size > 0);
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = inStage(event);
    zoom(Math.exp(-event.deltaY / 400), x, y);
  }, { passive: false });
  stage.addEventListener("dblclick", fit);
}

/* Heatmap */

async function askForHeatmap() {
  const method = element("method").value;
  if (!answer?.radiograph || answer.decision === "refused") return;
  showHeatmap(null);
  if (!method) {
    element("heatmap-words").textContent = model.heatmap_methods.length ? "" : "This model has no heatmaps.";
    return;
  }
  const shown = generation;
  element("heatmap-words").textContent = "Computing …";
  try {
    if (!heatmaps.has(method)) {
      const response = await ask(`/api/radiographs/${answer.radiograph}/heatmap?method=${encodeURIComponent(method)}`);
      const made = { picture: await createImageBitmap(await response.blob()), empty: response.headers.get("x-heatmap-empty") === "true" };
      if (shown !== generation) return;
      heatmaps.set(method, made);
    }
    if (element("method").value === method) showHeatmap(heatmaps.get(method), method);
  } catch (error) {
    if (shown === generation) element("heatmap-words").textContent = sentence(error.message);
  }
}

function showHeatmap(made, method) {
  const canvas = element("heatmap");
  canvas.hidden = !made || made.empty;
  if (!made) return;
  canvas.width = made.picture.width;
  canvas.height = made.picture.height;
  canvas.getContext("2d").drawImage(made.picture, 0, 0);
  canvas.setAttribute("aria-label", `Heatmap by ${methodNames[method] ?? method}`);
  setOpacity();
  element("heatmap-words").textContent = heatmapWords(made, method);
}

function heatmapWords(made, method) {
  const name = answer.explained === "PNEUMONIA" ? "pneumonia" : "no pneumonia";
  if (made.empty) return `Empty: by this method, nothing in the radiograph is evidence of ${name}.`;
  if (method === "random-cam") return "Drawn from random weights, as a baseline: what it shows means nothing.";
  if (method === "lots") return "Bright where the radiograph would have to change most for the network to see no evidence in it.";
  return `Bright where the network finds evidence of ${name}, scaled to its own maximum. It shows what the network uses, not where the disease is.`;
}

function setOpacity() {
  const value = element("opacity").value;
  element("opacity-value").textContent = `${value} %`;
  element("heatmap").style.opacity = value / 100;
}

/* Wiring */

function start() {
  element("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) open(file);
    // The same file can be chosen again.
    event.target.value = "";
  });
  const drop = element("drop");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
  for (const id of ["window", "level"]) element(id).addEventListener("input", drawGrey);
  element("grey").addEventListener("click", resetGrey);
  element("in").addEventListener("click", () => zoom(1.25));
  element("out").addEventListener("click", () => zoom(0.8));
  element("fit").addEventListener("click", fit);
  element("stage").addEventListener("keydown", zoomByKey);
  zoomByPointer();
  addEventListener("resize", () => { if (grey && answer) fit(); });
  element("opacity").addEventListener("input", setOpacity);
  element("method").addEventListener("change", askForHeatmap);
  element("prevalence").addEventListener("input", describePrevalence);
  describeModel().catch((error) => showProblem("The model cannot be described.", sentence(error.message)));
}

start();
