"use strict";

const form = document.getElementById("answers");
const statusLine = document.getElementById("status");
const radiographs = [...document.querySelectorAll("[data-number]")];
let unsaved = false;

// As RFC 4180 says; text that a spreadsheet would take for a formula begins with an apostrophe.
const cell = (text) => {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",;\r\n\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

// The value of a question about one radiograph; "" where it is not answered.
const answer = (data, question, number) => (data.get(`${question}-${number}`) ?? "").trim();

function rows() {
  const data = new FormData(form);
  const columns = form.dataset.columns.split(",");
  const given = { package: form.dataset.package, reader: data.get("reader").trim() };
  const answers = radiographs.map(({ dataset: { number } }) =>
    columns.map((column) => given[column] ?? (column === "number" ? number : answer(data, column, number))));
  return [columns, ...answers];
}

function showProgress(note = "") {
  const data = new FormData(form);
  const answered = radiographs.filter(({ dataset: { number } }) => answer(data, "finding", number)).length;
  statusLine.textContent = `${note}${answered} of ${radiographs.length} radiographs have a finding.`;
}

form.addEventListener("input", () => {
  unsaved = true;
  showProgress();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = rows().map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  const reader = document.getElementById("reader").value.trim().replace(/[^A-Za-z0-9]+/g, "-");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `answers-${form.dataset.package}-${reader}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  unsaved = false;
  showProgress(`Saved as ${link.download}. `);
});

window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

showProgress();
