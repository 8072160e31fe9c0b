"""Runs every command of `az batch`, in one process because each start of `az` takes seconds."""
import io
import json
import logging
import os
import zipfile

from azure.cli.core import get_default_cli

from recorder import Recorder, until

recorder = Recorder()
section = recorder.section


def with_commands_of_batch():
    """An `az` that has just started, as the user's clouds and accounts are read then."""
    az = get_default_cli()
    az.invocation = az.invocation_cls(cli_ctx=az, parser_cls=az.parser_cls, commands_loader_cls=az.commands_loader_cls,
                                      help_cls=az.help_cls)
    az.invocation.commands_loader.load_command_table(["batch"])
    return az


cli = with_commands_of_batch()
known = [name.removeprefix("batch ") for name in cli.invocation.commands_loader.command_table
         if name.startswith("batch ")]
recorder.outcomes = dict.fromkeys(["cloud register", "cloud set", "login", *known], "not called")


class Messages(logging.Handler):
    """What `az` says of a command that fails."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record):
        self.text += record.getMessage()


messages = Messages()
logging.getLogger("cli").addHandler(messages)


class Failed(Exception):
    pass


def invoke(*arguments):
    """What a command prints, read as JSON; None when that is nothing."""
    out = io.StringIO()
    messages.text = ""
    try:
        code = cli.invoke([*arguments, "-o", "json"], out_file=out)
    except SystemExit as error:
        code = error.code
    if code != 0:
        raise Failed(messages.text)
    return json.loads(out.getvalue()) if out.getvalue().strip() else None


def az(command, *more):
    """Runs a command of `az batch`; `more` are arguments that may hold blanks."""
    arguments = [*command.split(), *more]
    name = max((name for name in known if " ".join([*arguments, ""]).startswith(name + " ")), key=len)
    return recorder.watched(name, invoke)("batch", *arguments)


def refused(reason, command, *more):
    """That the command fails with these words; which makes it pass."""
    try:
        az(command, *more)
    except Failed as error:
        assert reason in str(error), error
        recorder.outcomes[recorder.last] = None
    else:
        raise AssertionError(f"not refused: {command}")


def until_it_says(command, wanted, seconds=90):
    until(lambda: az(command), lambda answer: answer == wanted, seconds)


def file(name, content):
    with open(name, "w", encoding="utf-8") as target:
        target.write(content)
    return os.path.abspath(name)


def text(name):
    with open(name, encoding="utf-8") as source:
        return source.read()


work = f"az{os.getpid()}"
os.makedirs(work)
os.chdir(work)
node = None


@section
def signing_in():
    global cli
    manager = os.environ["MANAGEMENT_URL"].replace("localhost", "127.0.0.1")
    endpoints = {"resourceManager": manager, "batchResourceId": "https://batch.core.windows.net/"}
    recorder.watched("cloud register", invoke)("cloud", "register", "--name", work, "--cloud-config",
                                               json.dumps({"endpoints": endpoints}))
    recorder.watched("cloud set", invoke)("cloud", "set", "--name", work)
    cli = with_commands_of_batch()
    recorder.watched("login", invoke)("login", "--service-principal", "--tenant", "adfs", "--username",
                                      os.environ["AZURE_CLIENT_ID"], f"--password={os.environ['AZURE_CLIENT_SECRET']}")


@section
def accounts():
    of = f"--name {work} --resource-group kyanite"
    az(f"account create {of} --location westeurope --storage-account {os.environ['STORAGE_ACCOUNT']}")
    assert az(f"account show {of} --query name") == work
    assert work in az("account list --query [].name")
    az(f"account set {of} --tags a=b")
    keys = az(f"account keys list {of}")
    assert az(f"account keys renew {of} --key-name primary")["primary"] != keys["primary"]
    az(f"account autostorage-keys sync {of}")
    assert az(f"account outbound-endpoints {of}")
    assert az("private-link-resource list --account-name", work, "--resource-group", "kyanite") == []
    assert az("private-endpoint-connection list --account-name", work, "--resource-group", "kyanite") == []


@section
def accounts_without_private_links():
    of = "--account-name", work, "--resource-group", "kyanite", "--name", "none"
    refused("was not found", "private-link-resource show", *of)
    refused("was not found", "private-endpoint-connection show", *of)


@section
def identities_and_networks_of_accounts():
    of = f"--name {work} --resource-group kyanite"
    az(f"account identity show {of}")
    az(f"account network-profile show {of}")
    az(f"account network-profile network-rule list {of}")
    refused("not supported", f"account identity assign {of} --system-assigned")
    refused("not supported", f"account identity remove {of} --system-assigned --yes")
    refused("not supported", f"account network-profile set {of} --profile BatchAccount --default-action Deny")
    rule = f"{of} --profile BatchAccount --ip-address 10.0.0.0/8"
    refused("not supported", f"account network-profile network-rule add {rule}")
    az(f"account network-profile network-rule delete {rule} --yes")


@section
def locations():
    assert az("location quotas show --location westeurope --query accountQuota") > 0
    assert az("location list-skus --location westeurope")


@section
def applications():
    of = f"--name {os.environ['AZURE_BATCH_ACCOUNT']} --resource-group kyanite --application-name azure"
    with zipfile.ZipFile("azure.zip", "w") as archive:
        archive.writestr("say", "hello")
    az(f"application create {of}")
    az(f"application package create {of} --version-name 1.0 --package-file azure.zip")
    az(f"application package activate {of} --version-name 1.0 --format zip")
    assert az(f"application package show {of} --version-name 1.0 --query state") == "Active"
    assert az(f"application package list {of} --query [].name") == ["1.0"]
    az(f"application set {of} --default-version 1.0")
    assert az(f"application show {of} --query defaultVersion") == "1.0"
    assert az(f"application list {of.split(' --application-name')[0]} --query [].name") == ["azure", "tool"]
    az(f"application set {of}", "--default-version", "")
    az(f"application package delete {of} --version-name 1.0 --yes")
    az(f"application delete {of} --yes")
    assert az("application summary list --query [].id") == ["tool"]
    assert az("application summary show --application-id tool --query displayName") == "a tool"


@section
def login_and_deletion_of_accounts():
    az(f"account login --name {work} --resource-group kyanite")
    az(f"account delete --name {work} --resource-group kyanite --yes")


@section
def pools():
    # As README has it.
    az(f"pool create --id {work} --vm-size standard_d2s_v3 --target-dedicated-nodes 2",
       "--image", "canonical:0001-com-ubuntu-server-jammy:22_04-lts", "--node-agent-sku-id", "batch.node.ubuntu 22.04")
    assert az(f"pool show --pool-id {work} --query vmSize") == "standard_d2s_v3"
    assert az("pool list --query [].id --filter", f"id eq '{work}' and state eq 'active'") == [work]
    az(f"pool set --pool-id {work} --metadata owner=me")
    assert az(f"pool show --pool-id {work} --query metadata[0].value") == "me"
    az(f"pool reset --pool-id {work} --metadata owner=you --start-task-command-line true")
    assert az(f"pool show --pool-id {work} --query startTask.commandLine") == "true"
    assert az("pool supported-images list --query [0].nodeAgentSkuId").startswith("batch.node")
    until_it_says(f"pool node-counts list --query [?poolId=='{work}']|[0].dedicated.idle", 2)
    assert isinstance(az("pool usage-metrics list"), list)


@section
def certificates():
    if "certificate create" not in known:
        return
    thumbprint = os.environ["CERTIFICATE_THUMBPRINT"]
    content = f"-----BEGIN CERTIFICATE-----\n{os.environ['CERTIFICATE']}\n-----END CERTIFICATE-----\n"
    az(f"certificate create --thumbprint {thumbprint} --certificate-file", file("a.cer", content))
    assert az("certificate list --query [].thumbprint") == [thumbprint]
    az(f"pool set --pool-id {work} --certificate-references {thumbprint}")
    az(f"certificate delete --yes --thumbprint {thumbprint}")
    assert az(f"certificate show --thumbprint {thumbprint} --query state") == "deletefailed"
    az(f"certificate delete --yes --abort --thumbprint {thumbprint}")
    assert az(f"certificate show --thumbprint {thumbprint} --query state") == "active"
    az(f"pool reset --pool-id {work}")
    az(f"certificate delete --yes --thumbprint {thumbprint}")


@section
def jobs_and_tasks():
    az(f"job create --id other-{work} --pool-id {work} --priority 5")
    az(f"job delete --job-id other-{work} --yes")
    job = {"id": work, "poolInfo": {"poolId": work}, "usesTaskDependencies": True}
    az("job create --json-file", file("job.json", json.dumps(job)))
    az(f"job set --job-id {work} --priority 6")
    assert az(f"job show --job-id {work} --query priority") == 6
    az(f"job reset --job-id {work} --pool-id {work} --priority 7")
    assert az("job list --query [].priority --filter", f"id eq '{work}' and state eq 'active'") == [7]
    tasks = [{"id": name, "commandLine": "/bin/sh -c 'echo hello'"} for name in "abc"]
    az(f"task create --job-id {work} --json-file", file("tasks.json", json.dumps(tasks)))
    az(f"task create --job-id {work} --task-id single --command-line", "/bin/sh -c 'exit 3'")
    assert az(f"task list --job-id {work} --query [].id") == ["a", "b", "c", "single"]
    until_it_says(f"job task-counts show --job-id {work} --query taskCounts.[completed,failed]", [4, 1])
    assert az(f"task show --job-id {work} --task-id single --query executionInfo.exitCode") == 3
    assert not (az(f"task subtask list --job-id {work} --task-id a") or {}).get("value")
    refused("has neither a job preparation task", f"job prep-release-status list --job-id {work}")
    refused("not valid for the current state", f"job enable --job-id {work}")
    waiting = {"id": "waiting", "commandLine": "true", "dependsOn": {"taskIds": ["never"]}}
    az(f"task create --job-id {work} --json-file", file("task.json", json.dumps(waiting)))
    of_waiting = f"--job-id {work} --task-id waiting"
    az(f"task reset {of_waiting} --max-task-retry-count 1")
    assert az(f"task show {of_waiting} --query constraints.maxTaskRetryCount") == 1
    az(f"task stop {of_waiting}")
    assert az(f"task show {of_waiting} --query state") == "completed"
    az(f"task reactivate {of_waiting}")
    assert az(f"task show {of_waiting} --query state") == "active"


@section
def statistics():
    if "job all-statistics show" in known:
        assert az("job all-statistics show --query numSucceededTasks") >= 3
        assert az("pool all-statistics show --query usageStats.dedicatedCoreTime") is not None


@section
def files():
    global node
    assert "stdout.txt" in az(f"task file list --job-id {work} --task-id a --query [].name")
    az(f"task file download --job-id {work} --task-id a --file-path stdout.txt --destination",
       os.path.abspath("task.txt"))
    assert text("task.txt") == "hello\n"
    az(f"task file delete --yes --job-id {work} --task-id a --file-path stderr.txt")
    assert "stderr.txt" not in az(f"task file list --job-id {work} --task-id a --query [].name")
    node = az(f"task show --job-id {work} --task-id a --query nodeInfo.nodeId")
    on_node = f"--pool-id {work} --node-id {node}"
    path = f"--file-path workitems/{work}/job-1/a/stdout.txt"
    assert "workitems" in az(f"node file list {on_node} --query [].name")
    az(f"node file download {on_node} {path} --destination", os.path.abspath("node.txt"))
    assert text("node.txt") == "hello\n"


@section
def properties_of_files_of_tasks():
    # In az 2.45 it prints nothing of what it was answered.
    az(f"task file show --job-id {work} --task-id a --file-path stdout.txt")


@section
def properties_of_files_of_nodes():
    az(f"node file show --pool-id {work} --node-id {node} --file-path workitems/{work}/job-1/a/stdout.txt")


@section
def deletion_of_files():
    az(f"node file delete --yes --pool-id {work} --node-id {node} --file-path workitems/{work}/job-1/a/stdout.txt")


@section
def nodes():
    on_node = f"--pool-id {work} --node-id {node}"
    assert len(az(f"node list --pool-id {work} --query [].id")) == 2
    assert az(f"node show {on_node} --query id") == node
    az(f"node scheduling disable {on_node}")
    assert az(f"node show {on_node} --query schedulingState") == "disabled"
    az(f"node scheduling enable {on_node}")
    az(f"node user create {on_node} --name kytaz --password Long-Pass-1!")
    az(f"node user reset {on_node} --user-name kytaz --password Longer-Pass-2!")
    az(f"node user delete --yes {on_node} --user-name kytaz")
    if "node remote-desktop download" in known:
        refused("not valid on the specified compute node",
                f"node remote-desktop download {on_node} --destination", os.path.abspath("node.rdp"))
    logs = az(f"node service-logs upload {on_node} --start-time 2025-01-01T00:00:00Z --container-url",
              os.environ["LOGS_URL"])
    assert logs["numberOfFilesUploaded"] > 0
    az(f"node reboot {on_node}")
    until_it_says(f"node show {on_node} --query state", "idle")
    if "node reimage" in known:
        refused("not valid on the specified compute node", f"node reimage {on_node}")


@section
def login_settings():
    settings = f"node remote-login-settings show --pool-id {work} --node-id {node}"
    try:
        # Without --query, which a command that fails would leave to the next ones of this process.
        assert az(settings)["remoteLoginPort"] > 0
    except Failed:
        # Where no SSH server runs on the machine.
        refused("not valid on the specified compute node", settings)


@section
def removal_of_nodes():
    az(f"node delete --pool-id {work} --node-list {node}")
    until_it_says(f"pool show --pool-id {work} --query allocationState", "steady")
    assert node not in az(f"node list --pool-id {work} --query [].id")


@section
def job_schedules():
    schedule = f"--job-schedule-id {work}s"
    az(f"job-schedule create --id {work}s --pool-id {work} --do-not-run-until 2099-01-01T00:00:00Z")
    assert az("job-schedule list --query [].id") == [f"{work}s"]
    az(f"job-schedule set {schedule} --metadata a=b")
    assert az(f"job-schedule show {schedule} --query metadata[0].value") == "b"
    az(f"job-schedule reset {schedule} --pool-id {work} --do-not-run-until 2098-01-01T00:00:00Z")
    assert az(f"job-schedule show {schedule} --query schedule.doNotRunUntil").startswith("2098")
    az(f"job-schedule disable {schedule}")
    az(f"job-schedule enable {schedule}")
    az(f"job-schedule stop {schedule}")
    until_it_says(f"job-schedule show {schedule} --query state", "completed")
    az(f"job-schedule delete {schedule} --yes")


@section
def disabled_jobs():
    az(f"job disable --job-id {work} --disable-tasks requeue")


@section
def end_of_jobs():
    az(f"task delete --job-id {work} --task-id b --yes")
    az(f"job stop --job-id {work}")
    az(f"job delete --job-id {work} --yes")


@section
def sizes_of_pools():
    az(f"pool resize --pool-id {work} --target-dedicated-nodes 40")
    az(f"pool resize --pool-id {work} --abort")
    until_it_says(f"pool show --pool-id {work} --query allocationState", "steady")
    az(f"pool autoscale enable --pool-id {work} --auto-scale-formula", "$TargetDedicatedNodes = 0;")
    evaluation = az(f"pool autoscale evaluate --pool-id {work} --query results --auto-scale-formula",
                    "$TargetDedicatedNodes = 3;")
    assert "$TargetDedicatedNodes=3" in evaluation
    az(f"pool autoscale disable --pool-id {work}")
    az(f"pool delete --pool-id {work} --yes")


recorder.report()
