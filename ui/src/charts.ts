// Charts: each `data-chart` is drawn from the table that it names, by a module that is loaded where there is one.

import { byId, each, find } from "./dom.ts";

/** Draws the charts of the page. Where the module cannot be loaded the table is what there is. */
export function startCharts(): void {
    each("[data-chart]", (place) => {
        const table = byId(place.dataset["chartTable"]) ?? find("table", place.parentElement ?? document);
        if (!(table instanceof HTMLTableElement)) return;
        void import("./chart.ts").then(({ draw }) => draw(place, table));
    });
}
