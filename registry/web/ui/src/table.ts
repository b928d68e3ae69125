// What pages with a table of runs load besides: its columns, its filter, its ticks and its fresh rows.

import { mountColumns } from "./columns.ts";
import { mountCompletion } from "./complete.ts";
import { mountRows } from "./rows.ts";
import { mountSelection } from "./selection.ts";

export function mountTable(root: HTMLElement): void {
  mountCompletion(root);
  mountColumns(root);
  mountSelection(root);
  mountRows(root);
}
