"""Runs every data-plane command of Debian's `az batch`, in one process because each start of `az` takes seconds."""
import io
import json
import logging
import os
import sys
import time

from azure.cli.core import get_default_cli

directory = sys.argv[1]
management = ("account", "location", "private-endpoint-connection", "private-link-resource")
ran = set()
cli = get_default_cli()
cli.invocation = cli.invocation_cls(cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls,
                                    help_cls=cli.help_cls)
cli.invocation.commands_loader.load_command_table(["batch"])
known = [name for name in cli.invocation.commands_loader.command_table if name.startswith("batch ")]
wanted = {name for name in known if name.split()[1] not in management
          and (name.split()[1] != "application" or name.split()[2] == "summary")}


def az(command, *more):
    """What a command prints, read as JSON; None when that is nothing. `more` are arguments that may hold blanks."""
    arguments = ["batch", *command.split(), *more]
    ran.add(max((name for name in known if " ".join([*arguments, ""]).startswith(name + " ")), key=len))
    out = io.StringIO()
    assert cli.invoke([*arguments, "-o", "json"], out_file=out) == 0, arguments
    return json.loads(out.getvalue()) if out.getvalue().strip() else None


class Messages(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record):
        self.text += record.getMessage()


def refused(reason, command, *more):
    messages = Messages()
    logging.getLogger("cli").addHandler(messages)
    try:
        az(command, *more)
    except (AssertionError, SystemExit):
        assert reason in messages.text, messages.text
    else:
        raise AssertionError(f"not refused: {command}")
    finally:
        logging.getLogger("cli").removeHandler(messages)


def until(command, wanted, seconds=90):
    end = time.monotonic() + seconds
    while (answer := az(command)) != wanted:
        assert time.monotonic() < end, (command, answer)
        time.sleep(0.2)


def file(name, content):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as target:
        target.write(content)
    return path


def text(name):
    with open(os.path.join(directory, name), encoding="utf-8") as source:
        return source.read()


# Pools
machine = {"imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"},
           "nodeAgentSKUId": "batch.node.ubuntu 22.04"}
pool = {"id": "az", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 2, "virtualMachineConfiguration": machine}
az("pool create --json-file", file("pool.json", json.dumps(pool)))
assert az("pool show --pool-id az --query vmSize") == "standard_d2s_v3"
assert az("pool list --query [].id --filter", "id eq 'az' and state eq 'active'") == ["az"]
az("pool set --pool-id az --metadata owner=me")
assert az("pool show --pool-id az --query metadata[0].value") == "me"
az("pool reset --pool-id az --metadata owner=you --start-task-command-line true")
assert az("pool show --pool-id az --query startTask.commandLine") == "true"
assert az("pool supported-images list --query [0].nodeAgentSkuId").startswith("batch.node")
until("pool node-counts list --query [0].dedicated.idle", 2)
assert isinstance(az("pool usage-metrics list"), list)
assert az("pool all-statistics show --query usageStats.dedicatedCoreTime") is not None

# Applications and certificates
assert az("application summary list --query [].id") == ["tool"]
assert az("application summary show --application-id tool --query displayName") == "a tool"
thumbprint = os.environ["CERTIFICATE_THUMBPRINT"]
certificate = file("a.cer", f"-----BEGIN CERTIFICATE-----\n{os.environ['CERTIFICATE']}\n-----END CERTIFICATE-----\n")
az(f"certificate create --thumbprint {thumbprint} --certificate-file", certificate)
assert az("certificate list --query [].thumbprint") == [thumbprint]
az(f"pool set --pool-id az --certificate-references {thumbprint}")
az(f"certificate delete --yes --thumbprint {thumbprint}")
assert az(f"certificate show --thumbprint {thumbprint} --query state") == "deletefailed"
az(f"certificate delete --yes --abort --thumbprint {thumbprint}")
assert az(f"certificate show --thumbprint {thumbprint} --query state") == "active"

# Jobs and tasks
az("job create --id other --pool-id az --priority 5")
az("job delete --job-id other --yes")
job = {"id": "az", "poolInfo": {"poolId": "az"}, "usesTaskDependencies": True}
az("job create --json-file", file("job.json", json.dumps(job)))
az("job set --job-id az --priority 6")
assert az("job show --job-id az --query priority") == 6
az("job reset --job-id az --pool-id az --priority 7")
assert az("job list --query [].priority --filter", "id eq 'az' and state eq 'active'") == [7]
tasks = [{"id": name, "commandLine": "/bin/sh -c 'echo hello'"} for name in "abc"]
az("task create --job-id az --json-file", file("tasks.json", json.dumps(tasks)))
az("task create --job-id az --task-id single --command-line", "/bin/sh -c 'exit 3'")
assert az("task list --job-id az --query [].id") == ["a", "b", "c", "single"]
until("job task-counts show --job-id az --query taskCounts.[completed,failed]", [4, 1])
assert az("task show --job-id az --task-id single --query executionInfo.exitCode") == 3
assert az("task subtask list --job-id az --task-id a --query value") == []
refused("has no job preparation task", "job prep-release-status list --job-id az")
assert az("job all-statistics show --query numSucceededTasks") >= 3
refused("not valid for the current state", "job enable --job-id az")
waiting = {"id": "waiting", "commandLine": "true", "dependsOn": {"taskIds": ["never"]}}
az("task create --job-id az --json-file", file("task.json", json.dumps(waiting)))
of_waiting = "--job-id az --task-id waiting"
az(f"task reset {of_waiting} --max-task-retry-count 1")
assert az(f"task show {of_waiting} --query constraints.maxTaskRetryCount") == 1
az(f"task stop {of_waiting}")
assert az(f"task show {of_waiting} --query state") == "completed"
az(f"task reactivate {of_waiting}")
assert az(f"task show {of_waiting} --query state") == "active"

# Files
assert "stdout.txt" in az("task file list --job-id az --task-id a --query [].name")
# In az 2.45 it prints nothing of what it was answered.
az("task file show --job-id az --task-id a --file-path stdout.txt")
refused("encountered an exception", "task file show --job-id az --task-id a --file-path none")
az("task file download --job-id az --task-id a --file-path stdout.txt --destination",
   os.path.join(directory, "task.txt"))
assert text("task.txt") == "hello\n"
az("task file delete --yes --job-id az --task-id a --file-path stderr.txt")
assert "stderr.txt" not in az("task file list --job-id az --task-id a --query [].name")
node = az("task show --job-id az --task-id a --query nodeInfo.nodeId")
on_node = f"--pool-id az --node-id {node}"
path = "--file-path workitems/az/job-1/a/stdout.txt"
assert "workitems" in az(f"node file list {on_node} --query [].name")
az(f"node file show {on_node} {path}")
az(f"node file download {on_node} {path} --destination", os.path.join(directory, "node.txt"))
assert text("node.txt") == "hello\n"
az(f"node file delete --yes {on_node} {path}")

# Nodes
assert len(az("node list --pool-id az --query [].id")) == 2
assert az(f"node show {on_node} --query id") == node
az(f"node scheduling disable {on_node}")
assert az(f"node show {on_node} --query schedulingState") == "disabled"
az(f"node scheduling enable {on_node}")
az(f"node user create {on_node} --name kytaz --password Long-Pass-1!")
az(f"node user reset {on_node} --user-name kytaz --password Longer-Pass-2!")
az(f"node user delete --yes {on_node} --user-name kytaz")
try:
    # Without --query, which a command that fails would leave to the next ones of this process.
    assert az(f"node remote-login-settings show {on_node}")["remoteLoginPort"] > 0
except (AssertionError, SystemExit):
    refused("not valid on the specified compute node", f"node remote-login-settings show {on_node}")
refused("not valid on the specified compute node", f"node remote-desktop download {on_node} --destination",
        os.path.join(directory, "node.rdp"))
logs = az(f"node service-logs upload {on_node} --start-time 2025-01-01T00:00:00Z --container-url", os.environ["LOGS_URL"])
assert logs["numberOfFilesUploaded"] > 0
az(f"node reboot {on_node}")
until(f"node show {on_node} --query state", "idle")
refused("not valid on the specified compute node", f"node reimage {on_node}")
az(f"node delete --pool-id az --node-list {node}")
until("pool show --pool-id az --query allocationState", "steady")
assert node not in az("node list --pool-id az --query [].id")

# Job schedules
az("job-schedule create --id azs --pool-id az --do-not-run-until 2099-01-01T00:00:00Z")
assert az("job-schedule list --query [].id") == ["azs"]
az("job-schedule set --job-schedule-id azs --metadata a=b")
assert az("job-schedule show --job-schedule-id azs --query metadata[0].value") == "b"
az("job-schedule reset --job-schedule-id azs --pool-id az --do-not-run-until 2098-01-01T00:00:00Z")
assert az("job-schedule show --job-schedule-id azs --query schedule.doNotRunUntil").startswith("2098")
az("job-schedule disable --job-schedule-id azs")
az("job-schedule enable --job-schedule-id azs")
az("job-schedule stop --job-schedule-id azs")
until("job-schedule show --job-schedule-id azs --query state", "completed")
az("job-schedule delete --job-schedule-id azs --yes")

# And away with all of it
az("task delete --job-id az --task-id b --yes")
az("job stop --job-id az")
az("job delete --job-id az --yes")
az("pool resize --pool-id az --target-dedicated-nodes 40")
az("pool resize --pool-id az --abort")
until("pool show --pool-id az --query allocationState", "steady")
az("pool autoscale enable --pool-id az --auto-scale-formula", "$TargetDedicatedNodes = 0;")
evaluation = az("pool autoscale evaluate --pool-id az --query results --auto-scale-formula", "$TargetDedicatedNodes = 3;")
assert "$TargetDedicatedNodes=3" in evaluation
az("pool autoscale disable --pool-id az")
az("pool delete --pool-id az --yes")

# Its option --disable-tasks is required, and takes no value at all in az 2.45.
wanted -= {"batch job disable"}
assert ran >= wanted, f"not run: {sorted(wanted - ran)}"
print("every command answered")
