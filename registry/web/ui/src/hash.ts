// MLflow's client prints links into MLflow's own page, as in /#/experiments/1/runs/<id>.

const RUN = /^#\/experiments\/\d+\/runs\/([0-9a-f]{32})/;
const VERSION = /^#(\/models\/[^/?#]+\/versions\/\d+)(?:[/?]|$)/;
const PAGE = /^#(?:(\/experiments\/\d+|\/models\/[^/?#]+)(?:[/?]|$)|(\/experiments|\/models)(?:\?|$))/;

/** The page of ours that such a link means, or null for a fragment that is no link of MLflow's. */
export function pathOfHash(hash: string): string | null {
  const run = RUN.exec(hash);
  if (run) {
    return `/runs/${run[1]}`;
  }
  const page = VERSION.exec(hash) ?? PAGE.exec(hash);
  return page?.[1] ?? page?.[2] ?? null;
}
