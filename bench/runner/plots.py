"""Recall against queries a second, and latency histograms, as PNG and SVG.

Needs matplotlib (Debian's python3-matplotlib); without it no plots are drawn.

SPDX-License-Identifier: Apache-2.0
"""
import io
import sys


def draw(results, stem):
    """Draws what there is to draw; the paths written."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        print("omendb bench: no plots without matplotlib (tools/install_packages.sh bench)", file=sys.stderr)
        return []
    matplotlib.rcParams["svg.hashsalt"] = "omendb"
    written = []
    for dataset in results["datasets"]:
        name = dataset["name"].replace(":", "-")
        for k, query_set in sorted({(p["k"], p["queries_of"]) for p in results["searches"]
                                    if p["dataset"] == dataset["name"]}):
            figure, axes = pyplot.subplots(figsize=(7, 4.5))
            _recall_curves(axes, results, dataset["name"], k, query_set)
            axes.set(title=f"{dataset['name']}, {dataset['rows']:,} rows, {dataset['dim']} dimensions, {query_set}",
                     xlabel=f"recall@{k} (ties counted)", ylabel="queries a second, one connection", yscale="log")
            written += _save(figure, pyplot, f"{stem}-{name}-{query_set}-k{k}")
        bouts = [b for b in results["bouts"] if b[0]["dataset"] == dataset["name"] and b[0]["queries_of"] == "queries"]
        for k, target in sorted({(b[0]["k"], b[0]["target"]) for b in bouts}):
            figure, axes = pyplot.subplots(figsize=(7, 4.5))
            _histograms(axes, [b for b in bouts if (b[0]["k"], b[0]["target"]) == (k, target)])
            axes.set(title=f"{dataset['name']}, {dataset['rows']:,} rows: latency at recall@{k} ≥ {target}",
                     xlabel="microseconds, as the client sees them", ylabel="share of queries", xscale="log")
            written += _save(figure, pyplot, f"{stem}-{name}-latency-k{k}-{target}")
    return written


def _recall_curves(axes, results, dataset, k, query_set):
    points = [p for p in results["searches"] if (p["dataset"], p["k"], p["queries_of"]) == (dataset, k, query_set)]
    for key in dict.fromkeys((p["server"], p["index"], *p["settings"]) for p in points):
        line = sorted((p["recall_ties"], p["queries_per_second"]) for p in points
                      if (p["server"], p["index"], *p["settings"]) == key)
        axes.plot(*zip(*line), marker="o", markersize=3, label=f"{key[0]} {key[1]}, {key[2]}")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(fontsize="small")


def _histograms(axes, bouts):
    best = {}
    for bout in bouts:
        for entry in bout:
            if entry["queries_per_second"] > best.get(entry["server"], entry)["queries_per_second"] or \
                    entry["server"] not in best:
                best[entry["server"]] = entry
    for server, entry in best.items():
        total = sum(count for _, count in entry["histogram"])
        axes.step([us for us, _ in entry["histogram"]], [count / total for _, count in entry["histogram"]],
                  where="post", label=f"{server} {entry['index']}, p50 {entry['p50_us']:.0f} us")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(fontsize="small")


def _save(figure, pyplot, stem):
    figure.tight_layout()
    figure.savefig(f"{stem}.png", dpi=110, metadata={"Software": None})
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    with open(f"{stem}.svg", "w", encoding="utf-8") as file:    # matplotlib leaves spaces at the ends of lines
        file.write("\n".join(line.rstrip() for line in drawing.getvalue().splitlines()) + "\n")
    pyplot.close(figure)
    return [f"{stem}.png", f"{stem}.svg"]
