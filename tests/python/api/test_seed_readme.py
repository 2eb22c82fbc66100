"""The lines of the first README that concern recommending, with real ids."""

import json
import subprocess
import sys

import pytest

from conftest import Server

PYTHON = """
from sunorecsys.recommenders.hybrid import HybridRecommender

# Load model
recommender = HybridRecommender.load()

# Get recommendations based on seed songs
recommendations = recommender.recommend(
    song_ids=["song-0001", "song-0002"],
    n=10
)
assert len(recommendations) == 10, recommendations

# Get similar songs
similar = recommender.get_similar_songs("song-0001", n=5)
assert len(similar) == 5, similar

# User-based recommendations
recommendations = recommender.recommend(
    user_id="listener-005",
    n=20
)
assert len(recommendations) == 20, recommendations

# Evaluate
from sunorecsys.evaluation.metrics import evaluate_recommender

test_data = [
    {
        "song_ids": ["song-0001", "song-0002"],
        "relevant": {"song-0003", "song-0004", "song-0005"}
    },
]
results = evaluate_recommender(
    recommender,
    test_data,
    k_values=[5, 10, 20]
)
assert 0 <= results["recall@20"] <= 1, results

from sunorecsys import HybridRecommender as Same
assert Same is HybridRecommender
"""

CURL = r"""
set -eu
# Get recommendations
curl -sSf -X POST "http://localhost:8000/recommend" \
  -H "Content-Type: application/json" \
  -d '{
    "song_ids": ["song-0001", "song-0002"],
    "n": 10
  }'
echo

# Get similar songs
curl -sSf "http://localhost:8000/similar/song-0001?n=5"
echo

# Health check
curl -sSf "http://localhost:8000/health"
echo
"""


class Uvicorn(Server):
    """A server as the first README starts it, on a free port."""

    COMMAND = (
        *(sys.executable, "-m", "uvicorn", "sunorecsys.api.main:app"),
        *("--host", "0.0.0.0", "--port", "0"),
    )
    LISTENING = r".*Uvicorn running on http://.*:(\d+) "


def test_the_python_lines_work(sample_project):
    done = sample_project.run(sys.executable, "-c", PYTHON)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_pickle_of_the_first_readme_says_what_to_do_now(sample_project):
    code = PYTHON.replace("load()", 'load("models/hybrid_recommender.pkl")')
    done = sample_project.run(sys.executable, "-c", code)
    assert done.returncode == 1
    assert "HybridRecommender.load() without a path" in done.stderr


@pytest.mark.parametrize("kind", [Server, Uvicorn])
def test_the_curl_lines_work(sample_project, tmp_path, kind):
    server = kind(sample_project.twin(tmp_path / "project"))
    try:
        script = CURL.replace(":8000", f":{server.port}")
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        recommended, similar, health = map(json.loads, done.stdout.splitlines())
    finally:
        server.stop()
    assert recommended["count"] == len(recommended["recommendations"]) == 10
    assert {"song_id", "title", "score"} <= set(recommended["recommendations"][0])
    assert similar["song_id"] == "song-0001"
    assert len(similar["similar_songs"]) == 5
    assert health["status"] == "ok"
