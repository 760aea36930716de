// What every page runs. Each behaviour is a module that listens on the document, so that it works as well in what htmx
// puts in later.

import htmx from "htmx.org";

import { startApiForms } from "./api-form.ts";
import { startBrushes } from "./brush.ts";
import { startCharts } from "./charts.ts";
import { startCopy } from "./copy.ts";
import { startCron } from "./cron.ts";
import { askToSignIn, startDialogs } from "./dialogs.ts";
import { startFilters } from "./filters.ts";
import { startFrame } from "./frame.ts";
import { startKeys } from "./keys.ts";
import { startLive } from "./live.ts";
import { startLogStreams } from "./log-stream.ts";
import { startNewScript } from "./new-script.ts";
import { startPalette } from "./palette.ts";
import { startReplays } from "./replayed.ts";
import { startSelection } from "./selection.ts";
import { startTheme } from "./theme.ts";
import { startTimes } from "./times.ts";
import { startToasts, toast } from "./toasts.ts";
import { startTrees } from "./tree.ts";
import { startUnsaved } from "./unsaved.ts";

// The page says the same in its head; here it holds also where a page forgets to (RULES 43).
Object.assign(htmx.config, {
    allowEval: false,
    allowScriptTags: false,
    selfRequestsOnly: true,
    historyCacheSize: 0,
    refreshOnHistoryMiss: true,
    includeIndicatorStyles: false,
});

document.addEventListener("htmx:responseError", (event) => {
    const { status } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr;
    if (status === 401) void askToSignIn().then((isAgain) => isAgain && location.reload());
    else toast(`The server could not answer that (${status}).`, { kind: "danger" });
});
for (const event of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(event, () => toast("The server did not answer.", { kind: "danger" }));
}

startTheme();
startToasts();
startFrame();
startDialogs();
startApiForms();
startUnsaved();
startSelection();
startFilters();
startCopy();
startCron();
startTimes();
startTrees();
startCharts();
startBrushes();
startLogStreams();
startLive();
startPalette();
startReplays();
startKeys();
startNewScript();
