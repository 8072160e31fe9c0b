"""Calls the data plane with Debian's Python SDK as its users do, and checks what it makes of the answers."""
import functools
import inspect
import os
import time
from datetime import datetime, timedelta, timezone

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
client = BatchServiceClient(credentials, batch_url=os.environ["AZURE_BATCH_ENDPOINT"])
called = set()
groups = {name: each for name, each in vars(client).items() if type(each).__name__.endswith("Operations")}
methods = {f"{name}.{method}" for name, each in groups.items()
           for method, _ in inspect.getmembers(type(each), inspect.isfunction) if not method.startswith("_")}


def recorded(name, call):
    @functools.wraps(call)
    def record(*arguments, **more):
        called.add(name)
        return call(*arguments, **more)
    return record


for name in methods:
    group, method = name.split(".")
    setattr(groups[group], method, recorded(name, getattr(groups[group], method)))

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
in_an_hour = datetime.now(timezone.utc) + timedelta(hours=1)
client.compute_node.add_user("py", node.id, models.ComputeNodeUser(name="kytpy", password="Long-Pass-1!",
                                                                   expiry_time=in_an_hour))
client.compute_node.update_user("py", node.id, "kytpy", models.NodeUpdateUserParameter(password="Longer-Pass-2!"))
client.compute_node.delete_user("py", node.id, "kytpy")
try:
    assert client.compute_node.get_remote_login_settings("py", node.id).remote_login_port > 0
except models.BatchErrorException as error:
    assert error.error.code == "OperationNotValidOnNode", error.error.code
refused("OperationNotValidOnNode", client.compute_node.get_remote_desktop, "py", node.id)
logs = models.UploadBatchServiceLogsConfiguration(container_url=os.environ["LOGS_URL"],
                                                  start_time="2025-01-01T00:00:00Z")
assert client.compute_node.upload_batch_service_logs("py", node.id, logs).number_of_files_uploaded > 0
assert list(client.compute_node_extension.list("py", node.id)) == []
refused("ResourceNotFound", client.compute_node_extension.get, "py", node.id, "none")
client.compute_node.reboot("py", node.id)
until(lambda: client.compute_node.get("py", node.id).state, lambda state: state == "idle")
refused("OperationNotValidOnNode", client.compute_node.reimage, "py", node.id)

assert [each.id for each in client.application.list()] == ["tool"]
assert client.application.get("tool").display_name == "a tool"

sha1 = "sha1", os.environ["CERTIFICATE_THUMBPRINT"]
client.certificate.add(models.CertificateAddParameter(thumbprint_algorithm=sha1[0], thumbprint=sha1[1],
                                                      data=os.environ["CERTIFICATE"], certificate_format="cer"))
assert client.certificate.get(*sha1).state == models.CertificateState.active
reference = models.CertificateReference(thumbprint_algorithm=sha1[0], thumbprint=sha1[1])
client.pool.patch("py", models.PoolPatchParameter(certificate_references=[reference]))
client.certificate.delete(*sha1)
assert [each.state for each in client.certificate.list()] == [models.CertificateState.delete_failed]
client.certificate.cancel_deletion(*sha1)
client.pool.patch("py", models.PoolPatchParameter(certificate_references=[]))
client.certificate.delete(*sha1)
refused("CertificateNotFound", client.certificate.get, *sha1)

client.job.add(models.JobAddParameter(id="py", pool_info=models.PoolInformation(pool_id="py")))
assert [job.id for job in client.job.list(models.JobListOptions(filter="state eq 'active'"))] == ["py"]
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
on_node = "py", node.id, task.node_info.task_root_directory + "/stdout.txt"
assert b"".join(client.file.get_from_compute_node(*on_node)) == b"hello\n"
assert client.file.get_properties_from_compute_node(*on_node, raw=True).headers["Content-Length"] == 6
assert "workitems" in [file.name for file in client.file.list_from_compute_node("py", node.id)]
client.file.delete_from_compute_node(*on_node)
refused("FileNotFound", client.file.get_from_compute_node, *on_node)
assert client.task.list_subtasks("py", "one").value == []
refused("JobPreparationTaskNotSpecified", list, client.job.list_preparation_and_release_task_status("py"))
refused("TaskSucceeded", client.task.reactivate, "py", "one")
error = refused("InvalidPropertyValue", client.task.add, "py", models.TaskAddParameter(id="a b", command_line="x"))
assert any(value.key == "PropertyName" and value.value == "id" for value in error.values)
client.job.patch("py", models.JobPatchParameter(priority=7))
assert client.job.get("py").priority == 7
stale = models.JobTerminateOptions(if_match="0x0")
refused("ConditionNotMet", client.job.terminate, "py", job_terminate_options=stale)
client.job.update("py", models.JobUpdateParameter(pool_info=models.PoolInformation(pool_id="py"), priority=8))
assert client.job.get("py").priority == 8
client.job.disable("py", models.DisableJobOption.requeue)
client.task.add("py", models.TaskAddParameter(id="waiting", command_line="true"))
client.task.update("py", "waiting", models.TaskConstraints(max_task_retry_count=3))
assert client.task.get("py", "waiting").constraints.max_task_retry_count == 3
client.task.terminate("py", "waiting")
assert client.task.get("py", "waiting").state == models.TaskState.completed
client.task.reactivate("py", "waiting")
client.job.enable("py")
until(lambda: client.task.get("py", "waiting").execution_info.result, lambda result: result == "success")
assert client.job.get_all_lifetime_statistics().num_succeeded_tasks >= 251

client.job_schedule.add(models.JobScheduleAddParameter(
    id="sched", schedule=models.Schedule(do_not_run_until="2099-01-01T00:00:00Z"),
    job_specification=models.JobSpecification(pool_info=models.PoolInformation(pool_id="py"))))
assert client.job_schedule.exists("sched")
assert client.job_schedule.get("sched").state == models.JobScheduleState.active
assert [each.id for each in client.job_schedule.list()] == ["sched"]
metadata = [models.MetadataItem(name="a", value="b")]
client.job_schedule.patch("sched", models.JobSchedulePatchParameter(metadata=metadata))
assert client.job_schedule.get("sched").metadata[0].value == "b"
client.job_schedule.update("sched", models.JobScheduleUpdateParameter(
    schedule=models.Schedule(do_not_run_until="2099-01-01T00:00:00Z"),
    job_specification=models.JobSpecification(pool_info=models.PoolInformation(pool_id="py"))))
assert client.job_schedule.get("sched").metadata is None
assert list(client.job.list_from_job_schedule("sched")) == []
client.job_schedule.disable("sched")
client.job_schedule.enable("sched")
client.job_schedule.terminate("sched")
until(lambda: client.job_schedule.get("sched").state, lambda state: state == "completed")
client.job_schedule.delete("sched")

client.task.delete("py", "one")
refused("TaskNotFound", client.task.get, "py", "one")
client.job.terminate("py")
client.job.delete("py")
assert all(each.pool_id for each in client.pool.list_usage_metrics())
assert client.pool.get_all_lifetime_statistics().usage_stats.dedicated_core_time >= timedelta()


def steady():
    return until(lambda: client.pool.get("py"), lambda pool: pool.allocation_state == "steady")


client.pool.resize("py", models.PoolResizeParameter(target_dedicated_nodes=40))
client.pool.stop_resize("py")
steady()
client.pool.remove_nodes("py", models.NodeRemoveParameter(node_list=[node.id]))
steady()
refused("NodeNotFound", client.compute_node.get, "py", node.id)
client.pool.enable_auto_scale("py", "$TargetDedicatedNodes = 0;")
assert "$TargetDedicatedNodes=3" in client.pool.evaluate_auto_scale("py", "$TargetDedicatedNodes = 3;").results
client.pool.disable_auto_scale("py")
client.pool.delete("py")

assert called == methods, f"not called: {sorted(methods - called)}"
print("every method answered as its model says")
