// Charts: each `data-chart` is drawn from the table that it names, by a module that is loaded where there is one.

import { byId, each, find, make } from "./dom.ts";

/** The ways to draw; any other word names a column. */
const WAYS = ["line", "bars", ""];

/** Draws the charts of the page. Where the module cannot be loaded the table is what there is. */
export function startCharts(): void {
    each("[data-chart]", (place) => {
        const own = find("table", place);
        const table = byId(place.dataset["chartTable"]) ?? own ?? find("table", place.parentElement ?? document);
        if (!(table instanceof HTMLTableElement)) return;
        const said = place.dataset["chart"] ?? "";
        const columns = WAYS.includes(said) ? [] : said.split(",");
        const places = own ? made(place, columns) : [place];
        void import("./chart.ts").then(({ draw }) => places.forEach((each, index) => draw(each, table, columns[index])));
    });
}

/** The places in a figure that has its table within: one for each column that is drawn, kept before they are. */
function made(figure: HTMLElement, columns: string[]): HTMLElement[] {
    const places = (columns.length > 0 ? columns : [""]).map(() => make("div", { class: "chart" }));
    figure.prepend(make("div", { class: "charts" }, ...places));
    return places;
}
