// The editor over a <textarea data-editor="sql|json">. Built by `make vendor` into app/console/static/vendor/editor.js.
// It is mounted in a shadow root: there, CodeMirror adopts constructed style sheets, which the content security policy
// allows. What is typed is copied to the textarea, so that its form posts it, and so that everything works without it.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const style = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--code-comment)" },
  { tag: tags.propertyName, color: "var(--code-name)" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)", minHeight: "8em" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--quiet)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused": { outline: "none" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--control)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-fill)", color: "#fff" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "var(--selected) !important" },
});

const languages = {
  sql: (schema) => sql({ dialect: PostgreSQL, upperCaseKeywords: true, schema }),
  json: () => json(),
};

/** Replace the view of a textarea by an editor. Its `data-schema` is JSON: {table: [columns]}; `data-faults` is [{from, to, message}]. */
export function mount(area) {
  const host = document.createElement("div");
  host.className = "editor";
  area.after(host);
  const root = host.attachShadow({ mode: "open" });
  const schema = JSON.parse(area.dataset.schema || "{}");
  const label = area.labels?.[0]?.textContent.trim() || area.getAttribute("aria-label") || "Editor";
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion(),
        highlightActiveLine(), lintGutter(), syntaxHighlighting(style), theme, EditorView.lineWrapping,
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
        languages[area.dataset.editor]?.(schema) || [],
        EditorView.contentAttributes.of({ "aria-label": label, ...(area.readOnly ? { "aria-readonly": "true" } : {}) }),
        EditorState.readOnly.of(area.readOnly),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            area.value = update.state.doc.toString();
            area.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }),
      ],
    }),
  });
  const faults = JSON.parse(area.dataset.faults || "[]");
  if (faults.length) {
    const length = view.state.doc.length;
    const place = (at) => Math.max(0, Math.min(at ?? 0, length));
    view.dispatch(setDiagnostics(view.state, faults.map((fault) => ({
      from: place(fault.from), to: place(fault.to ?? fault.from), severity: "error", message: fault.message,
    }))));
  }
  area.classList.add("edited");
  area.tabIndex = -1;
  area.setAttribute("aria-hidden", "true");
  return view;
}

function mountAll(within) {
  for (const area of within.querySelectorAll("textarea[data-editor]:not(.edited)")) mount(area);
}
mountAll(document);
document.addEventListener("htmx:load", (event) => mountAll(event.detail.elt));
