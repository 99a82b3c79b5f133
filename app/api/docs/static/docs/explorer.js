// Starts the explorer, and puts the token of the field above into every request that "Try it out" sends.
// The token lives in this page alone: it is neither stored nor put into the address.
"use strict";

const page = document.baseURI.replace(/\/docs\/?$/, "/");
const state = document.getElementById("token-state");
let token = "";
let explorer = null;

function start(view) {
  explorer = SwaggerUIBundle({
    url: new URL(view, page).href,
    dom_id: "#explorer",
    deepLinking: false,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayOperationId: true,
    displayRequestDuration: true,
    filter: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    onComplete: useToken,
  });
}

function useToken() {
  if (explorer === null) return;
  if (token === "") {
    if (state.dataset.set) explorer.authActions.logout(["token"]);
    state.textContent = "No token: requests will answer 401.";
    delete state.dataset.set;
    return;
  }
  explorer.preauthorizeApiKey("token", token);
  state.textContent = "The token is sent with every request.";
  state.dataset.set = "yes";
}

document.getElementById("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = document.getElementById("token").value.trim();
  useToken();
});
document.getElementById("view").addEventListener("change", (event) => start(event.target.value));
start("openapi.json");
