// Light, dark, or as the system has it. The choice is a cookie, which the server renders into the page: no flash.

import { all, on } from "./dom.ts";

const COOKIE = "skerry-theme";
const CHOICES = ["light", "dark", "system"] as const;

/** What somebody has chosen. */
export type Theme = (typeof CHOICES)[number];

/** Whether the page is dark now, whoever decides it. */
export function isDark(): boolean {
    const chosen = current();
    return chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}

/** Calls when light becomes dark or the other way round. */
export function onThemeChange(act: () => void): void {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
    document.addEventListener("skerry:theme", act);
}

/** Listens to the buttons of the choice. */
export function startTheme(): void {
    show();
    on("click", "[data-theme-choice]", (button) => {
        const choice = CHOICES.find((known) => known === button.dataset["themeChoice"]);
        if (choice) choose(choice);
    });
    document.addEventListener("htmx:load", show);
}

function current(): Theme {
    const named = document.documentElement.dataset["theme"];
    return CHOICES.find((known) => known === named) ?? "system";
}

function choose(theme: Theme): void {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const ends = theme === "system" ? "Max-Age=0" : "Max-Age=31536000";
    document.cookie = `${COOKIE}=${theme}; Path=/; SameSite=Lax; ${ends}${secure}`;
    show();
    document.dispatchEvent(new Event("skerry:theme"));
}

function show(): void {
    const chosen = current();
    for (const button of all("[data-theme-choice]")) {
        button.setAttribute("aria-pressed", String(button.dataset["themeChoice"] === chosen));
    }
}
