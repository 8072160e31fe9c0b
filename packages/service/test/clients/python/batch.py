"""Calls the data plane with azure-batch 15, whose clients are of the newest generation: `sync` or `async`."""
import os
import sys
from datetime import datetime, timedelta, timezone

from azure.batch import BatchClient, aio, models
from azure.core.credentials import AzureNamedKeyCredential

from blocking import Blocking
from recorder import Recorder, until

credential = AzureNamedKeyCredential(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
endpoint = os.environ["AZURE_BATCH_ENDPOINT"]
recorder = Recorder()
section, refused = recorder.section, recorder.refused
no_operations = "close", "send_request"
if sys.argv[1] == "async":
    async_client = aio.BatchClient(endpoint, credential)
    client = recorder.watch(async_client, leave_out=no_operations, use=Blocking)
else:
    client = recorder.watch(BatchClient(endpoint, credential), leave_out=no_operations)

pool = job = f"{sys.argv[1]}-{os.getpid()}"
schedule = f"{job}-schedule"
soon = {"polling_interval": 0.2}
image = models.BatchVmImageReference(publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts")
machine = models.VirtualMachineConfiguration(image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04")
metadata = [models.BatchMetadataItem(name="a", value="b")]
on_pool = models.BatchPoolInfo(pool_id=pool)


def nodes():
    """Of the pool, when all of them are idle."""
    return until(lambda: list(client.list_nodes(pool)), lambda all: len(all) == 2 and {n.state for n in all} == {"idle"})


def steady():
    return until(lambda: client.get_pool(pool), lambda pool: pool.allocation_state == models.AllocationState.STEADY)


@section
def pools():
    images = list(client.list_supported_images())
    assert any(each.node_agent_sku_id == "batch.node.ubuntu 22.04" for each in images)
    create = models.BatchPoolCreateOptions(id=pool, vm_size="standard_d2s_v3", target_dedicated_nodes=2,
                                           virtual_machine_configuration=machine)
    client.create_pool(create)
    refused("PoolExists", client.create_pool, create)
    assert client.pool_exists(pool)
    assert [each.id for each in client.list_pools(filter=f"id eq '{pool}'", select=["id"])] == [pool]
    client.update_pool(pool, models.BatchPoolUpdateOptions(metadata=metadata))
    assert client.get_pool(pool).metadata[0].value == "b"
    client.replace_pool_properties(pool, models.BatchPoolReplaceOptions(application_package_references=[], metadata=[]))
    assert not client.get_pool(pool).metadata
    nodes()
    assert [each.dedicated.total for each in client.list_pool_node_counts() if each.pool_id == pool] == [2]
    assert all(each.pool_id for each in client.list_pool_usage_metrics())


@section
def applications():
    assert [each.id for each in client.list_applications()] == ["tool"]
    assert client.get_application("tool").display_name == "a tool"


@section
def jobs_and_tasks():
    prepare = models.BatchJobPreparationTask(command_line="true")
    client.create_job(models.BatchJobCreateOptions(id=job, pool_info=on_pool, job_preparation_task=prepare))
    assert [each.id for each in client.list_jobs(filter=f"state eq 'active' and id eq '{job}'")] == [job]
    client.create_task(job, models.BatchTaskCreateOptions(id="one", command_line="/bin/sh -c 'echo hello'"))
    group = models.BatchTaskGroup(task_values=[models.BatchTaskCreateOptions(id="g", command_line="true")])
    assert [each.task_id for each in client.create_task_collection(job, group).result_values] == ["g"]
    many = [models.BatchTaskCreateOptions(id=f"t{n}", command_line="true") for n in range(120)]
    created = client.create_tasks(job, many)
    assert len(created.result_values) == 120
    assert len(list(client.list_tasks(job, max_results=100))) == 122
    until(lambda: client.get_job_task_counts(job).task_counts, lambda counts: counts.succeeded == 122)
    assert client.get_task(job, "one").execution_info.exit_code == 0
    assert not list(client.list_subtasks(job, "one"))
    status = list(client.list_job_preparation_and_release_task_status(job))
    assert [each.job_preparation_task_execution_info.result for each in status] == ["success"] * len(status) != []
    refused("TaskSucceeded", client.reactivate_task, job, "one")


@section
def files():
    assert b"".join(client.download_task_file(job, "one", "stdout.txt")) == b"hello\n"
    assert b"".join(client.download_task_file(job, "one", "stdout.txt", ocp_range="bytes=1-2")) == b"el"
    assert client.get_task_file_properties(job, "one", "stdout.txt").content_length == 6
    assert "stdout.txt" in [file.name for file in client.list_task_files(job, "one", recursive=True)]
    client.delete_task_file(job, "one", "stderr.txt")
    info = client.get_task(job, "one").node_info
    on_node = pool, info.node_id, info.task_root_directory + "/stdout.txt"
    assert b"".join(client.download_node_file(*on_node)) == b"hello\n"
    assert client.get_node_file_properties(*on_node).content_length == 6
    assert "workitems" in [file.name for file in client.list_node_files(pool, info.node_id)]
    client.delete_node_file(*on_node)


@section
def changes_of_jobs_and_tasks():
    client.update_job(job, models.BatchJobUpdateOptions(priority=7))
    changed = client.get_job(job)
    assert changed.priority == 7
    changed.priority = 8
    client.replace_job(job, changed)
    assert client.get_job(job).priority == 8
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="requeue"), **soon).result()
    client.create_task(job, models.BatchTaskCreateOptions(id="waiting", command_line="true"))
    changed = client.get_task(job, "waiting")
    changed.constraints = models.BatchTaskConstraints(max_task_retry_count=3)
    client.replace_task(job, "waiting", changed)
    assert client.get_task(job, "waiting").constraints.max_task_retry_count == 3
    client.terminate_task(job, "waiting")
    assert client.get_task(job, "waiting").state == models.BatchTaskState.COMPLETED
    client.reactivate_task(job, "waiting")
    client.begin_enable_job(job, **soon).result()
    until(lambda: client.get_task(job, "waiting").execution_info.result, lambda result: result == "success")
    client.delete_task(job, "one")
    refused("TaskNotFound", client.get_task, job, "one")
    client.begin_terminate_job(job, {"terminateReason": "enough"}, **soon).result()
    client.begin_delete_job(job, **soon).result()


@section
def job_schedules():
    never = models.BatchJobScheduleConfiguration(do_not_run_until=datetime(2099, 1, 1, tzinfo=timezone.utc))
    specification = models.BatchJobSpecification(pool_info=on_pool)
    client.create_job_schedule(models.BatchJobScheduleCreateOptions(id=schedule, schedule=never,
                                                                    job_specification=specification))
    assert client.job_schedule_exists(schedule)
    assert schedule in [each.id for each in client.list_job_schedules()]
    client.update_job_schedule(schedule, models.BatchJobScheduleUpdateOptions(metadata=metadata))
    changed = client.get_job_schedule(schedule)
    assert changed.metadata[0].value == "b"
    changed.metadata = None
    client.replace_job_schedule(schedule, changed)
    assert not client.get_job_schedule(schedule).metadata
    assert list(client.list_jobs_from_schedule(schedule)) == []
    client.disable_job_schedule(schedule)
    client.enable_job_schedule(schedule)
    client.begin_terminate_job_schedule(schedule, **soon).result()
    client.begin_delete_job_schedule(schedule, **soon).result()


@section
def single_nodes():
    node = nodes()[0].id
    assert client.get_node(pool, node).is_dedicated
    client.disable_node_scheduling(pool, node, models.BatchNodeDisableSchedulingOptions(
        node_disable_scheduling_option="requeue"))
    assert client.get_node(pool, node).scheduling_state == "disabled"
    client.enable_node_scheduling(pool, node)
    in_an_hour = datetime.now(timezone.utc) + timedelta(hours=1)
    client.create_node_user(pool, node, models.BatchNodeUserCreateOptions(name="kytnew", password="Long-Pass-1!",
                                                                          expiry_time=in_an_hour))
    client.replace_node_user(pool, node, "kytnew", models.BatchNodeUserReplaceOptions(password="Longer-Pass-2!"))
    client.delete_node_user(pool, node, "kytnew")
    logs = models.UploadBatchServiceLogsOptions(container_url=os.environ["LOGS_URL"],
                                                start_time=datetime(2025, 1, 1, tzinfo=timezone.utc))
    assert client.upload_node_logs(pool, node, logs).number_of_files_uploaded > 0
    assert list(client.list_node_extensions(pool, node)) == []
    refused("ResourceNotFound", client.get_node_extension, pool, node, "none")
    client.begin_reboot_node(pool, node, {"nodeRebootOption": "requeue"}, **soon).result()
    client.begin_reimage_node(pool, node, {"nodeReimageOption": "requeue"}, **soon).result()
    client.begin_deallocate_node(pool, node, {"nodeDeallocateOption": "requeue"}, **soon).result()
    assert client.get_node(pool, node).state == "deallocated"
    client.begin_start_node(pool, node, **soon).result()
    nodes()


@section
def login_settings():
    node = nodes()[0].id
    try:
        assert client.get_node_remote_login_settings(pool, node).remote_login_port > 0
    except Exception:
        # Where no SSH server runs on the machine.
        refused("OperationNotValidOnNode", client.get_node_remote_login_settings, pool, node)


@section
def sizes_of_pools():
    steady()
    client.begin_remove_nodes(pool, models.BatchNodeRemoveOptions(node_ids=[nodes()[0].id]), **soon).result()
    client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=40), **soon)
    client.begin_stop_pool_resize(pool, **soon).result()
    steady()
    client.enable_pool_auto_scale(pool, models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 0;"))
    evaluate = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 3;")
    assert "$TargetDedicatedNodes=3" in client.evaluate_pool_auto_scale(pool, evaluate).results
    client.disable_pool_auto_scale(pool)
    client.begin_delete_pool(pool, **soon).result()


client.close()
recorder.report()
