// Monaco with what scripts need and nothing else: three languages, their workers from this server, and the features of an
// editor for one file. What hovers and completions show are comments that authors wrote, so no markup of theirs is
// rendered as anything but text (RULES 43): Monaco trusts no Markdown unless it is told to, and nothing here tells it.

import * as monaco from "monaco-editor/editor";
import "monaco-editor/languages/definitions/javascript/register";
import "monaco-editor/languages/definitions/typescript/register";
import * as grammar from "monaco-editor/languages/definitions/typescript/typescript";
import * as json from "monaco-editor/languages/features/json/register";
import * as typescript from "monaco-editor/languages/features/typescript/register";
import "monaco-editor/features/anchorSelect/register";
import "monaco-editor/features/bracketMatching/register";
import "monaco-editor/features/caretOperations/register";
import "monaco-editor/features/clipboard/register";
import "monaco-editor/features/codeAction/register";
import "monaco-editor/features/codeEditor/register";
import "monaco-editor/features/codelens/register";
import "monaco-editor/features/codicon/register";
import "monaco-editor/features/comment/register";
import "monaco-editor/features/contextmenu/register";
import "monaco-editor/features/cursorUndo/register";
import "monaco-editor/features/diffEditor/register";
import "monaco-editor/features/dropOrPasteInto/register";
import "monaco-editor/features/find/register";
import "monaco-editor/features/folding/register";
import "monaco-editor/features/fontZoom/register";
import "monaco-editor/features/format/register";
import "monaco-editor/features/gotoError/register";
import "monaco-editor/features/gotoLine/register";
import "monaco-editor/features/gotoSymbol/register";
import "monaco-editor/features/hover/register";
import "monaco-editor/features/indentation/register";
import "monaco-editor/features/lineSelection/register";
import "monaco-editor/features/linesOperations/register";
import "monaco-editor/features/longLinesHelper/register";
import "monaco-editor/features/multicursor/register";
import "monaco-editor/features/parameterHints/register";
import "monaco-editor/features/placeholderText/register";
import "monaco-editor/features/quickCommand/register";
import "monaco-editor/features/quickHelp/register";
import "monaco-editor/features/quickOutline/register";
import "monaco-editor/features/readOnlyMessage/register";
import "monaco-editor/features/referenceSearch/register";
import "monaco-editor/features/rename/register";
import "monaco-editor/features/smartSelect/register";
import "monaco-editor/features/snippet/register";
import "monaco-editor/features/suggest/register";
import "monaco-editor/features/toggleTabFocusMode/register";
import "monaco-editor/features/tokenization/register";
import "monaco-editor/features/unicodeHighlighter/register";
import "monaco-editor/features/unusualLineTerminators/register";
import "monaco-editor/features/wordHighlighter/register";
import "monaco-editor/features/wordOperations/register";
import "monaco-editor/features/wordPartOperations/register";

// Parts that the features above stand on, and that no feature of its own brings along.
import "monaco-editor/editor/browser/coreCommands";
import "monaco-editor/editor/common/standaloneStrings";
import "monaco-editor/editor/contrib/find/browser/findController";
import "monaco-editor/editor/contrib/gotoError/browser/markerSelectionStatus";
import "monaco-editor/editor/contrib/gotoSymbol/browser/goToCommands";
import "monaco-editor/editor/contrib/suggest/browser/suggestController";

import { worker } from "../workers.ts";
import type { Language } from "./page.ts";

export { json, monaco, typescript };

/** A model's text, with the line ends that it was opened with. */
export type Model = monaco.editor.ITextModel;
export type Editor = monaco.editor.IStandaloneCodeEditor;

/** Options that every editor of ours has. */
export const SHARED_OPTIONS: monaco.editor.IEditorOptions & monaco.editor.IGlobalEditorOptions = {
    automaticLayout: true,
    fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
    fontSize: 13,
    lineHeight: 20,
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    smoothScrolling: false,
    renderLineHighlight: "line",
    fixedOverflowWidgets: true,
    // What a stranger wrote may hide in a script: signs that look like others, and those that turn the text around.
    unicodeHighlight: { ambiguousCharacters: true, invisibleCharacters: true, nonBasicASCII: false, includeComments: true },
    renderControlCharacters: true,
    // A link in a text that somebody else wrote is nothing to be led away by.
    links: false,
    occurrencesHighlight: "singleFile",
    wordBasedSuggestions: "off",
    padding: { top: 8, bottom: 8 },
    scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false },
    overviewRulerBorder: false,
    // The number of the last line is as easily read as the others.
    renderFinalNewline: "on",
    tabSize: 2,
    accessibilitySupport: "auto",
    accessibilityPageSize: 200,
};

/**
 * The language of texts that are only looked at: coloured like scripts, and unknown to TypeScript's worker, which would find
 * everything in them to be there twice.
 */
export const PLAIN = "skerry-source";

monaco.languages.register({ id: PLAIN });
monaco.languages.setMonarchTokensProvider(PLAIN, grammar.language);
monaco.languages.setLanguageConfiguration(PLAIN, grammar.conf);

/** Let Monaco find its workers. Before anything else is made. */
export function prepareWorkers(): void {
    const environment: monaco.Environment = { getWorker: (_, label) => worker(label) };
    (globalThis as { MonacoEnvironment?: monaco.Environment }).MonacoEnvironment = environment;
}

/** A text to be shown: brackets have the colour of the code, for one of their own would mean nothing. */
export function makeModel(text: string, language: string, address?: monaco.Uri): Model {
    const model = monaco.editor.createModel(text, language, address);
    model.updateOptions({ bracketColorizationOptions: { enabled: false, independentColorPoolPerBracketType: false } });
    return model;
}

/** The address of a script's text in the editor: its ending says the language to the TypeScript worker. */
export function addressOf(name: string, language: Language): monaco.Uri {
    const ending = language === "typescript" ? "ts" : "js";
    return monaco.Uri.from({ scheme: "file", path: `/${name}.${ending}` });
}
