"""Calls Airflow's hook and operator for Batch as its workers do, without a scheduler; the connection is in a variable."""
import json
import os
import pathlib

# Read by Airflow when it is imported. Its operators otherwise run within its own task runner only.
os.environ |= {
    "AIRFLOW_HOME": str(pathlib.Path("airflow").absolute()),
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW_CONN_AZURE_BATCH_DEFAULT": json.dumps({
        "conn_type": "azure_batch", "login": os.environ["AZURE_BATCH_ACCOUNT"],
        "password": os.environ["AZURE_BATCH_ACCESS_KEY"],
        "extra": {"account_url": os.environ["AZURE_BATCH_ENDPOINT"]}}),
}

from airflow.providers.microsoft.azure.hooks.batch import AzureBatchHook
from airflow.providers.microsoft.azure.operators.batch import AzureBatchOperator
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError

from recorder import Recorder

recorder = Recorder()
section = recorder.section
name = f"airflow-{os.getpid()}"
image = {"vm_publisher": "canonical", "vm_offer": "0001-com-ubuntu-server-jammy", "vm_sku": "22_04-lts",
         "vm_node_agent_sku_id": "batch.node.ubuntu 22.04"}


def watch(target, prefix):
    """What a class inherits, and its forms in Airflow's pages, are no operations of Batch."""
    own = {each for each in vars(type(target)) if each not in ("get_connection_form_widgets", "get_ui_field_behaviour")}
    return recorder.watch(target, prefix, leave_out=set(dir(type(target))) - own)


def operator(task, command, **more):
    return watch(AzureBatchOperator(
        task_id="run", batch_pool_id=name, batch_pool_vm_size="standard_d2s_v3", batch_job_id=f"{name}-{task}",
        batch_task_id=task, batch_task_command_line=command, target_dedicated_nodes=1, **image, **more), "operator.")


hook = watch(AzureBatchHook(), "hook.")
good, failing = operator("good", "true", should_delete_job=True), operator("bad", "false")


@section
def connection():
    assert hook.test_connection()[0], hook.test_connection()
    assert hook.get_conn()


@section
def by_hook():
    hook.create_pool(hook.configure_pool(
        name, "standard_d2s_v3", sku_starts_with="22_04", use_latest_image_and_sku=True, target_dedicated_nodes=1,
        **{key: image[key] for key in ("vm_publisher", "vm_offer", "vm_node_agent_sku_id")}))
    [node] = hook.wait_for_all_node_state(name, {models.BatchNodeState.IDLE})
    assert node.state == models.BatchNodeState.IDLE
    job = f"{name}-hook"
    for _ in range(2):
        # What is there already, it takes as it is.
        hook.create_job(hook.configure_job(job, name))
        hook.add_single_task_to_job(job, hook.configure_task("good", "true"))
    hook.add_single_task_to_job(job, hook.configure_task("bad", "false"))
    assert [task.id for task in hook.wait_for_job_tasks_to_complete(job, timeout=2)] == ["bad"]


@section
def by_operator():
    good.execute({})
    try:
        failing.execute({})
    except RuntimeError as error:
        assert "Job fail" in str(error), error
        recorder.outcomes["operator.execute"] = None
    else:
        raise AssertionError("the failure of the task is not reported")
    failing.execute_complete({}, {"status": "success"})
    failing.clean_up(job_id=f"{name}-hook")
    failing.clean_up(pool_id=name)
    try:
        hook.connection.get_job(f"{name}-hook")
    except ResourceNotFoundError:
        return
    raise AssertionError("the job is still there")


@section
def stopped():
    failing.on_kill()


recorder.report()
