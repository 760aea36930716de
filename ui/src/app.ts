// What every page runs. Each behaviour is a module that listens on the document, so that it works as well in what htmx
// puts in later.

import { startTheme } from "./theme.ts";

startTheme();
