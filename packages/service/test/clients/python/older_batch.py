"""Calls the data plane with azure-batch 13 or 14, whose clients are of the older generation."""
import os
from datetime import datetime, timedelta, timezone

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

from recorder import Recorder, until

credentials = SharedKeyCredentials(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
recorder = Recorder()
section, refused = recorder.section, recorder.refused
client = recorder.watch_groups(BatchServiceClient(credentials, batch_url=os.environ["AZURE_BATCH_ENDPOINT"]))

pool = job = f"older-{os.getpid()}"
schedule = f"{job}-schedule"
image = models.ImageReference(publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts")
machine = models.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04")
on_pool = models.PoolInformation(pool_id=pool)
metadata = [models.MetadataItem(name="a", value="b")]


def idle_node():
    return until(lambda: list(client.compute_node.list(pool)), lambda nodes: nodes and nodes[0].state == "idle")[0].id


def steady():
    return until(lambda: client.pool.get(pool), lambda pool: pool.allocation_state == models.AllocationState.steady)


@section
def pools():
    images = list(client.account.list_supported_images())
    assert any(each.node_agent_sku_id == "batch.node.ubuntu 22.04" for each in images)
    create = models.PoolAddParameter(id=pool, vm_size="standard_a1", virtual_machine_configuration=machine,
                                     target_dedicated_nodes=1)
    client.pool.add(create)
    create.id = pool.upper()
    refused("PoolExists", client.pool.add, create)
    assert client.pool.exists(pool) and not client.pool.exists("none")
    steady()
    listed = client.pool.list(models.PoolListOptions(filter=f"id eq '{pool}'", select="id"))
    assert [each.id for each in listed] == [pool]
    client.pool.patch(pool, models.PoolPatchParameter(metadata=metadata))
    assert client.pool.get(pool).metadata[0].value == "b"
    client.pool.update_properties(pool, models.PoolUpdatePropertiesParameter(
        certificate_references=[], application_package_references=[], metadata=[]))
    idle_node()
    assert [each.dedicated.total for each in client.account.list_pool_node_counts() if each.pool_id == pool] == [1]
    assert all(each.pool_id for each in client.pool.list_usage_metrics())


@section
def applications():
    assert [each.id for each in client.application.list()] == ["tool"]
    assert client.application.get("tool").display_name == "a tool"


@section
def certificates():
    sha1 = "sha1", os.environ["CERTIFICATE_THUMBPRINT"]
    client.certificate.add(models.CertificateAddParameter(
        thumbprint_algorithm=sha1[0], thumbprint=sha1[1], data=os.environ["CERTIFICATE"], certificate_format="cer"))
    assert client.certificate.get(*sha1).state == models.CertificateState.active
    reference = models.CertificateReference(thumbprint_algorithm=sha1[0], thumbprint=sha1[1])
    client.pool.patch(pool, models.PoolPatchParameter(certificate_references=[reference]))
    client.certificate.delete(*sha1)
    assert [each.state for each in client.certificate.list()] == [models.CertificateState.delete_failed]
    client.certificate.cancel_deletion(*sha1)
    client.pool.patch(pool, models.PoolPatchParameter(certificate_references=[]))
    client.certificate.delete(*sha1)
    refused("CertificateNotFound", client.certificate.get, *sha1)


@section
def jobs_and_tasks():
    client.job.add(models.JobAddParameter(id=job, pool_info=on_pool))
    assert job in [each.id for each in client.job.list(models.JobListOptions(filter="state eq 'active'"))]
    client.task.add(job, models.TaskAddParameter(id="one", command_line="/bin/sh -c 'echo hello'"))
    error = refused("InvalidPropertyValue", client.task.add, job, models.TaskAddParameter(id="a b", command_line="x"))
    assert any(value.key == "PropertyName" and value.value == "id" for value in error.error.values)
    many = [models.TaskAddParameter(id=f"t{n}", command_line="true") for n in range(120)]
    client.task.add_collection(job, many, threads=2)
    assert len(list(client.task.list(job, models.TaskListOptions(max_results=100)))) == 121
    until(lambda: client.job.get_task_counts(job).task_counts, lambda counts: counts.succeeded == 121, 120)
    task = client.task.get(job, "one")
    assert task.execution_info.exit_code == 0 and task.state == models.TaskState.completed
    assert client.task.list_subtasks(job, "one").value == []
    refused("JobPreparationTaskOrReleaseTaskNotSpecified", client.job.list_preparation_and_release_task_status, job)
    refused("TaskSucceeded", client.task.reactivate, job, "one")


@section
def files():
    assert b"".join(client.file.get_from_task(job, "one", "stdout.txt")) == b"hello\n"
    some = models.FileGetFromTaskOptions(ocp_range="bytes=1-2")
    assert b"".join(client.file.get_from_task(job, "one", "stdout.txt", some)) == b"el"
    raw = client.file.get_properties_from_task(job, "one", "stdout.txt", raw=True)
    assert raw.headers["Content-Length"] == 6, dict(raw.headers)
    names = [file.name for file in client.file.list_from_task(job, "one", recursive=True)]
    assert "stdout.txt" in names and "wd" in names
    client.file.delete_from_task(job, "one", "stderr.txt")
    info = client.task.get(job, "one").node_info
    on_node = pool, info.node_id, info.task_root_directory + "/stdout.txt"
    assert b"".join(client.file.get_from_compute_node(*on_node)) == b"hello\n"
    assert client.file.get_properties_from_compute_node(*on_node, raw=True).headers["Content-Length"] == 6
    assert "workitems" in [file.name for file in client.file.list_from_compute_node(pool, info.node_id)]
    client.file.delete_from_compute_node(*on_node)
    refused("FileNotFound", client.file.get_from_compute_node, *on_node)


@section
def changes_of_jobs_and_tasks():
    client.job.patch(job, models.JobPatchParameter(priority=7))
    assert client.job.get(job).priority == 7
    client.job.update(job, models.JobUpdateParameter(pool_info=on_pool, priority=8))
    assert client.job.get(job).priority == 8
    client.job.disable(job, models.DisableJobOption.requeue)
    client.task.add(job, models.TaskAddParameter(id="waiting", command_line="true"))
    client.task.update(job, "waiting", models.TaskConstraints(max_task_retry_count=3))
    assert client.task.get(job, "waiting").constraints.max_task_retry_count == 3
    client.task.terminate(job, "waiting")
    assert client.task.get(job, "waiting").state == models.TaskState.completed
    client.task.reactivate(job, "waiting")
    client.job.enable(job)
    until(lambda: client.task.get(job, "waiting").execution_info.result, lambda result: result == "success")
    client.task.delete(job, "one")
    refused("TaskNotFound", client.task.get, job, "one")
    stale = models.JobTerminateOptions(if_match="0x0")
    refused("ConditionNotMet", client.job.terminate, job, job_terminate_options=stale)
    client.job.terminate(job)
    client.job.delete(job)


@section
def job_schedules():
    never = models.Schedule(do_not_run_until="2099-01-01T00:00:00Z")
    specification = models.JobSpecification(pool_info=on_pool)
    client.job_schedule.add(models.JobScheduleAddParameter(id=schedule, schedule=never, job_specification=specification))
    assert client.job_schedule.exists(schedule)
    assert client.job_schedule.get(schedule).state == models.JobScheduleState.active
    assert schedule in [each.id for each in client.job_schedule.list()]
    client.job_schedule.patch(schedule, models.JobSchedulePatchParameter(metadata=metadata))
    assert client.job_schedule.get(schedule).metadata[0].value == "b"
    client.job_schedule.update(schedule, models.JobScheduleUpdateParameter(schedule=never, job_specification=specification))
    assert client.job_schedule.get(schedule).metadata is None
    assert list(client.job.list_from_job_schedule(schedule)) == []
    client.job_schedule.disable(schedule)
    client.job_schedule.enable(schedule)
    client.job_schedule.terminate(schedule)
    until(lambda: client.job_schedule.get(schedule).state, lambda state: state == "completed")
    client.job_schedule.delete(schedule)


@section
def single_nodes():
    node = idle_node()
    assert client.compute_node.get(pool, node).is_dedicated
    client.compute_node.disable_scheduling(pool, node)
    client.compute_node.enable_scheduling(pool, node)
    in_an_hour = datetime.now(timezone.utc) + timedelta(hours=1)
    user = models.ComputeNodeUser(name="kytold", password="Long-Pass-1!", expiry_time=in_an_hour)
    client.compute_node.add_user(pool, node, user)
    client.compute_node.update_user(pool, node, "kytold", models.NodeUpdateUserParameter(password="Longer-Pass-2!"))
    client.compute_node.delete_user(pool, node, "kytold")
    refused("OperationNotValidOnNode", client.compute_node.get_remote_desktop, pool, node)
    logs = models.UploadBatchServiceLogsConfiguration(container_url=os.environ["LOGS_URL"],
                                                      start_time="2025-01-01T00:00:00Z")
    assert client.compute_node.upload_batch_service_logs(pool, node, logs).number_of_files_uploaded > 0
    assert list(client.compute_node_extension.list(pool, node)) == []
    refused("ResourceNotFound", client.compute_node_extension.get, pool, node, "none")
    client.compute_node.reboot(pool, node)
    idle_node()
    refused("OperationNotValidOnNode", client.compute_node.reimage, pool, node)


@section
def login_settings():
    node = idle_node()
    try:
        assert client.compute_node.get_remote_login_settings(pool, node).remote_login_port > 0
    except models.BatchErrorException:
        # Where no SSH server runs on the machine.
        refused("OperationNotValidOnNode", client.compute_node.get_remote_login_settings, pool, node)


@section
def statistics():
    # Newer clients have them no more.
    if hasattr(client.job, "get_all_lifetime_statistics"):
        assert client.job.get_all_lifetime_statistics().num_succeeded_tasks >= 121
        assert client.pool.get_all_lifetime_statistics().usage_stats.dedicated_core_time >= timedelta()


@section
def sizes_of_pools():
    node = idle_node()
    steady()
    client.pool.resize(pool, models.PoolResizeParameter(target_dedicated_nodes=40))
    client.pool.stop_resize(pool)
    steady()
    client.pool.remove_nodes(pool, models.NodeRemoveParameter(node_list=[node]))
    steady()
    refused("NodeNotFound", client.compute_node.get, pool, node)
    client.pool.enable_auto_scale(pool, "$TargetDedicatedNodes = 0;")
    assert "$TargetDedicatedNodes=3" in client.pool.evaluate_auto_scale(pool, "$TargetDedicatedNodes = 3;").results
    client.pool.disable_auto_scale(pool)
    client.pool.delete(pool)


recorder.report()
