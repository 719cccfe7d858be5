"""From a file to a ranked review queue: seconds and peak memory, by command and in the page.

    python benchmarks/first_queue.py [--data FILE] [--label COL] [--page]

The peer is cleanlab's own way for text, in the same run: TF-IDF and logistic regression, five
folds, then the same filter. Prints a Markdown table. The page needs Chromium and the extra `test`.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data" / "banking77" / "banking77.parquet"
PEER = """
import sys, pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
path, text, label = sys.argv[1:]
frame = pd.read_parquet(path)
codes = frame[label].astype("category").cat.codes.to_numpy()
model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
probabilities = cross_val_predict(model, frame[text], codes, cv=5, method="predict_proba")
print(int(find_label_issues(codes, probabilities, n_jobs=1).sum()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="category")
    parser.add_argument("--page", action="store_true", help="also measure the page")
    options = parser.parse_args()
    curation = [sys.executable, "-m", "curation"]
    with tempfile.TemporaryDirectory() as folder:
        workspace = ["--workspace", f"{folder}/workspace"]
        taken = [
            ("import", [*curation, *workspace, "import", str(options.data), "--dataset", "data",
                        "--label", options.label]),
            ("find, with the ranked rows written", [*curation, *workspace, "find", "data",
                                                    "--output", f"{folder}/found.parquet"]),
        ]  # fmt: skip
        rows = [(name, *measured(command)) for name, command in taken]
        rows.append(("import + find", sum(r[1] for r in rows), max(r[2] for r in rows)))
        peer = [sys.executable, "-c", PEER, str(options.data), options.text, options.label]
        rows.append(("peer: TF-IDF + logistic regression, 5 folds, cleanlab", *measured(peer)))
        if options.page:
            rows.append(("page: import, find, first record shown", *in_page(options, folder)))
    base = rows[3][1]
    print("| what | seconds | of the peer | peak memory, MB |\n|---|---|---|---|")
    for name, seconds, megabytes in rows:
        print(f"| {name} | {seconds:.1f} | {seconds / base:.2f} | {megabytes:,.0f} |")


def measured(command: list[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak resident memory in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def in_page(options: argparse.Namespace, folder: str) -> tuple[float, float]:
    """Do the same in the workbench; return seconds to the first record and the server's peak MB."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=120_000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "curation", "--workspace", f"{folder}/page", "app",
         "--no-browser", "--port", str(port)], stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        _wait(f"{address}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{address}/datasets")
            upload = page.locator("input[type=file]")
            upload.wait_for(state="attached")
            start = time.perf_counter()
            upload.set_input_files(options.data)
            page.locator(".st-key-import-start button").first.click()
            expect(page.get_by_text(re.compile(r"snapshot \d+ · ")).first).to_be_visible()
            page.get_by_role("link", name="Label issues").click()
            page.locator(".st-key-find-start button").first.click()
            expect(page.locator(".st-key-record")).to_be_visible()
            seconds = time.perf_counter() - start
            browser.close()
        status = Path(f"/proc/{server.pid}/status").read_text()
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return seconds, int(kilobytes) / 1024
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("the server did not answer")


if __name__ == "__main__":
    main()
