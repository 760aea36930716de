// Monaco's colours from the page's own, so that light and dark follow it.

import { isDark, onThemeChange } from "../theme.ts";
import { monaco } from "./monaco.ts";

type Rule = monaco.editor.ITokenThemeRule;

const LIGHT: Rule[] = [
    { token: "comment", foreground: "5b6675" },
    { token: "keyword", foreground: "7a2f8f" },
    { token: "string", foreground: "1a6b3c" },
    { token: "number", foreground: "8a4b08" },
    { token: "regexp", foreground: "a3261f" },
    { token: "type", foreground: "0f5c78" },
    { token: "type.identifier", foreground: "0f5c78" },
    { token: "delimiter", foreground: "48525f" },
];

const DARK: Rule[] = [
    { token: "comment", foreground: "94a1b2" },
    { token: "keyword", foreground: "d3a4e8" },
    { token: "string", foreground: "8fd0a4" },
    { token: "number", foreground: "e8b878" },
    { token: "regexp", foreground: "f0a09a" },
    { token: "type", foreground: "7fc8e0" },
    { token: "type.identifier", foreground: "7fc8e0" },
    { token: "delimiter", foreground: "b4bfcc" },
];

/** Let every editor look like the page, now and whenever the page changes. */
export function followTheme(): void {
    const show = () => {
        define(isDark());
        monaco.editor.setTheme(isDark() ? "skerry-dark" : "skerry-light");
    };
    show();
    onThemeChange(show);
}

function define(dark: boolean): void {
    const paper = dark ? "#14181d" : "#ffffff";
    const ink = dark ? "#e3e8ee" : "#1b2129";
    const line = dark ? "#1b2128" : "#f5f7f9";
    const quiet = dark ? "#8793a2" : "#667281";
    const border = dark ? "#2b333d" : "#dde2e8";
    const accent = dark ? "#3fb7ad" : "#0b7a72";
    monaco.editor.defineTheme(dark ? "skerry-dark" : "skerry-light", {
        base: dark ? "vs-dark" : "vs",
        inherit: true,
        rules: dark ? DARK : LIGHT,
        colors: {
            "editor.background": paper,
            "editor.foreground": ink,
            "editor.lineHighlightBackground": line,
            "editor.lineHighlightBorder": "#00000000",
            "editorLineNumber.foreground": quiet,
            "editorLineNumber.activeForeground": ink,
            "editorCursor.foreground": accent,
            "editorWidget.background": dark ? "#1a2027" : "#ffffff",
            "editorWidget.border": border,
            "editorSuggestWidget.background": dark ? "#1a2027" : "#ffffff",
            "editorSuggestWidget.border": border,
            "editorHoverWidget.background": dark ? "#1a2027" : "#ffffff",
            "editorHoverWidget.border": border,
            "editorGutter.background": paper,
            "scrollbarSlider.background": dark ? "#8793a233" : "#66728133",
            "focusBorder": accent,
        },
    });
}
