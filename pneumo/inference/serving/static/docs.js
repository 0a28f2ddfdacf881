"use strict";

function make(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function rows(title, pairs) {
  if (!pairs.length) return [];
  const body = make("tbody", "", ...pairs.map(([name, text]) => {
    const heading = make("th", "", make("code", name));
    heading.scope = "row";
    return make("tr", "", heading, make("td", text.replaceAll("`", "")));
  }));
  return [make("h3", title), make("table", "", body)];
}

function fieldsOf(response, schemas) {
  const reference = response?.content?.["application/json"]?.schema?.$ref;
  const properties = reference ? schemas[reference.split("/").pop()].properties : {};
  return Object.entries(properties).map(([name, field]) => [name, field.description ?? field.title ?? ""]);
}

function describe(method, path, operation, schemas) {
  const parameters = (operation.parameters ?? []).map((parameter) => [parameter.name, parameter.description ?? parameter.schema?.enum?.join(", ") ?? `in the ${parameter.in}`]);
  if (operation.requestBody?.description) parameters.push(["body", operation.requestBody.description]);
  const statuses = Object.entries(operation.responses).map(([status, response]) => [status, response.description]);
  return make("section", "", make("h2", `${method.toUpperCase()} ${path}`), make("p", operation.description.replaceAll("`", "")),
    ...rows("Parameters", parameters), ...rows("Answer", fieldsOf(operation.responses["200"], schemas)), ...rows("Status", statuses));
}

async function start() {
  document.getElementById("example").textContent = `curl --data-binary @chest.dcm -H 'Content-Type: application/octet-stream' ${location.origin}/api/predict`;
  const api = await (await fetch("/openapi.json")).json();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      document.getElementById("operations").append(describe(method, path, operation, api.components.schemas));
    }
  }
}

start();
