"""A HyperQueue cluster of this machine: for each line of JSON on standard input runs a command many times."""

import json
import shlex
import sys
import tempfile
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

with tempfile.TemporaryDirectory() as home, LocalCluster(home, WorkerConfig(cores=int(sys.argv[1]))) as cluster:
    client = cluster.client()
    print("ready", flush=True)
    for line in sys.stdin:
        work = json.loads(line)
        directory = Path(work["directory"])
        job = Job(max_fails=0)
        for n in range(work["count"]):
            job.program(shlex.split(work["commandLine"]), stdout=directory / f"{n}.out", stderr=directory / f"{n}.err")
        client.wait_for_jobs([client.submit(job)])
        print("done", flush=True)
