"""Calls the data plane with Debian's Python SDK as its users do, and checks what it makes of the answers."""
import os
import time

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
client = BatchServiceClient(credentials, batch_url=os.environ["AZURE_BATCH_ENDPOINT"])
image = models.ImageReference(publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts")
machine = models.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04")


def until(ask, wanted, seconds=60):
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if wanted(answer):
            return answer
        assert time.monotonic() < end, answer
        time.sleep(0.1)


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except models.BatchErrorException as error:
        assert error.error.code == code, error.error.code
        return error.error
    raise AssertionError("not refused")


images = list(client.account.list_supported_images())
assert any(each.node_agent_sku_id == "batch.node.ubuntu 22.04" for each in images)

client.pool.add(models.PoolAddParameter(id="py", vm_size="standard_a1", virtual_machine_configuration=machine,
                                        target_dedicated_nodes=1))
refused("PoolExists", client.pool.add, models.PoolAddParameter(id="PY", vm_size="standard_a1",
                                                               virtual_machine_configuration=machine))
assert client.pool.exists("py")
until(lambda: client.pool.get("py"), lambda pool: pool.allocation_state == models.AllocationState.steady)
assert [pool.id for pool in client.pool.list(models.PoolListOptions(filter="id eq 'py'", select="id"))] == ["py"]
client.pool.patch("py", models.PoolPatchParameter(metadata=[models.MetadataItem(name="a", value="b")]))
assert client.pool.get("py").metadata[0].value == "b"
client.pool.update_properties("py", models.PoolUpdatePropertiesParameter(
    certificate_references=[], application_package_references=[], metadata=[]))
node = until(lambda: list(client.compute_node.list("py")), lambda nodes: nodes and nodes[0].state == "idle")[0]
assert client.compute_node.get("py", node.id).is_dedicated
assert next(iter(client.account.list_pool_node_counts())).dedicated.total == 1
client.compute_node.disable_scheduling("py", node.id)
client.compute_node.enable_scheduling("py", node.id)

client.job.add(models.JobAddParameter(id="py", pool_info=models.PoolInformation(pool_id="py")))
client.task.add("py", models.TaskAddParameter(id="one", command_line="/bin/sh -c 'echo hello'"))
many = [models.TaskAddParameter(id=f"t{n}", command_line="true") for n in range(250)]
client.task.add_collection("py", many, threads=2)
assert len(list(client.task.list("py", models.TaskListOptions(max_results=100)))) == 251
until(lambda: client.job.get_task_counts("py").task_counts, lambda counts: counts.succeeded == 251, 120)
task = client.task.get("py", "one")
assert task.execution_info.exit_code == 0 and task.state == models.TaskState.completed
assert b"".join(client.file.get_from_task("py", "one", "stdout.txt")) == b"hello\n"
assert b"".join(client.file.get_from_task("py", "one", "stdout.txt",
                                          models.FileGetFromTaskOptions(ocp_range="bytes=1-2"))) == b"el"
raw = client.file.get_properties_from_task("py", "one", "stdout.txt", raw=True)
assert raw.headers["Content-Length"] == 6, dict(raw.headers)
names = [file.name for file in client.file.list_from_task("py", "one", recursive=True)]
assert "stdout.txt" in names and "wd" in names
client.file.delete_from_task("py", "one", "stderr.txt")
refused("TaskSucceeded", client.task.reactivate, "py", "one")
error = refused("InvalidPropertyValue", client.task.add, "py", models.TaskAddParameter(id="a b", command_line="x"))
assert any(value.key == "PropertyName" and value.value == "id" for value in error.values)
client.job.patch("py", models.JobPatchParameter(priority=7))
assert client.job.get("py").priority == 7
stale = models.JobTerminateOptions(if_match="0x0")
refused("ConditionNotMet", client.job.terminate, "py", job_terminate_options=stale)
client.job.disable("py", models.DisableJobOption.requeue)
client.job.enable("py")

client.job_schedule.add(models.JobScheduleAddParameter(
    id="sched", schedule=models.Schedule(do_not_run_until="2099-01-01T00:00:00Z"),
    job_specification=models.JobSpecification(pool_info=models.PoolInformation(pool_id="py"))))
assert client.job_schedule.exists("sched")
assert client.job_schedule.get("sched").state == models.JobScheduleState.active
client.job_schedule.disable("sched")
client.job_schedule.enable("sched")
client.job_schedule.delete("sched")

client.task.delete("py", "one")
refused("TaskNotFound", client.task.get, "py", "one")
client.job.terminate("py")
client.job.delete("py")
client.pool.resize("py", models.PoolResizeParameter(target_dedicated_nodes=0))
client.pool.delete("py")
print("every method answered as its model says")
