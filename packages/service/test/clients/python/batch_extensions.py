"""Calls what azure-batch-extensions adds to azure-batch: templates, task factories, and file groups in the storage."""
import os
import pathlib
import urllib.request

from azext.batch import BatchExtensionsClient
from azure.batch.batch_auth import SharedKeyCredentials
from azure.multiapi.storage.v2018_11_09.blob import BlockBlobService

from recorder import Recorder, until

recorder = Recorder()
section = recorder.section
storage = BlockBlobService(connection_string=os.environ["AZURE_STORAGE_CONNECTION_STRING"])
client = BatchExtensionsClient(
    SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"]),
    batch_url=os.environ["AZURE_BATCH_ENDPOINT"], storage_client=storage)
for name in ("pool", "job", "file"):
    group = getattr(client, name)
    # What it inherits is azure-batch 12.
    inherited = set(dir(type(group))) - set(vars(type(group)))
    recorder.watch(group, name + ".", leave_out=inherited)

pool = job = f"extensions-{os.getpid()}"
files = pathlib.Path("files")
parameters = {"id": {"type": "string"}}
image = {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 22.04"}


@section
def pools():
    template = {"parameters": parameters, "pool": {"type": "Microsoft.Batch/batchAccounts/pools", "properties": {
        "id": "[parameters('id')]", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 1,
        "virtualMachineConfiguration": machine}}}
    expanded = client.pool.expand_template(template, {"id": {"value": pool}})
    client.pool.add(client.pool.poolparameter_from_json(expanded))
    assert client.pool.get(pool).target_dedicated_nodes == 1


@section
def file_groups():
    files.mkdir()
    (files / "one.txt").write_text("one")
    (files / "two.txt").write_text("two")
    client.file.upload(str(files), pool)
    assert pool in [each["name"] for each in client.file.list_groups()]
    assert [each["size"] for each in client.file.list_from_group(pool)] == [3, 3]
    with urllib.request.urlopen(client.file.generate_sas_url(pool, "one.txt")) as answer:
        assert answer.read() == b"one"
    client.file.download("again", pool)
    assert pathlib.Path("again/two.txt").read_text() == "two"


@section
def task_factories():
    template = {"parameters": parameters, "job": {"type": "Microsoft.Batch/batchAccounts/jobs", "properties": {
        "id": "[parameters('id')]", "poolInfo": {"poolId": pool}, "onAllTasksComplete": "terminatejob", "taskFactory": {
            "type": "taskPerFile", "source": {"fileGroup": pool}, "repeatTask": {
                "commandLine": "/bin/sh -c 'cat {fileName}'",
                "resourceFiles": [{"httpUrl": "{url}", "filePath": "{fileName}"}]}}}}}
    expanded = client.job.expand_template(template, {"id": {"value": job}})
    client.job.add(client.job.jobparameter_from_json(expanded))
    until(lambda: client.job.get(job).state, lambda state: state == "completed")
    texts = [b"".join(client.file.get_from_task(job, task.id, "stdout.txt")) for task in client.task.list(job)]
    assert sorted(texts) == [b"one", b"two"], texts


@section
def end():
    client.job.delete(job)
    client.pool.delete(pool)
    assert client.file.delete_group(pool)


recorder.report()
