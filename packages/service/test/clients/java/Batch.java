import com.microsoft.azure.PagedList;
import com.microsoft.azure.batch.BatchClient;
import com.microsoft.azure.batch.auth.BatchApplicationTokenCredentials;
import com.microsoft.azure.batch.auth.BatchSharedKeyCredentials;
import com.microsoft.azure.batch.interceptor.BatchClientParallelOptions;
import com.microsoft.azure.batch.protocol.models.*;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.joda.time.DateTime;

/** Calls the data plane with com.microsoft.azure:azure-batch, signed in with the account's `key` or with a `token`. */
public final class Batch {
    private static final Recorder recorder = new Recorder();
    private static final String id = "java-" + ProcessHandle.current().pid();
    private static final String schedule = id + "-schedule";
    private static final PoolInformation onPool = new PoolInformation().withPoolId(id);
    private static final List<MetadataItem> metadata = List.of(new MetadataItem().withName("a").withValue("b"));

    public static void main(String[] arguments) {
        String endpoint = environment("AZURE_BATCH_ENDPOINT");
        BatchClient client = BatchClient.open(arguments[0].equals("key")
            ? new BatchSharedKeyCredentials(endpoint, environment("AZURE_BATCH_ACCOUNT"), environment("AZURE_BATCH_ACCESS_KEY"))
            : new BatchApplicationTokenCredentials(endpoint, environment("AZURE_CLIENT_ID"), environment("AZURE_CLIENT_SECRET"),
                environment("AZURE_TENANT_ID"), "https://batch.core.windows.net/", endpoint + "/"));
        watch("pool", client.poolOperations());
        watch("job", client.jobOperations());
        watch("task", client.taskOperations());
        watch("file", client.fileOperations());
        watch("account", client.accountOperations());
        watch("application", client.applicationOperations());
        watch("certificate", client.certificateOperations());
        watch("node", client.computeNodeOperations());
        watch("schedule", client.jobScheduleOperations());
        recorder.section(Batch::pools);
        recorder.section(Batch::applications);
        recorder.section(Batch::certificates);
        recorder.section(Batch::jobsAndTasks);
        recorder.section(Batch::files);
        recorder.section(Batch::changesOfJobsAndTasks);
        recorder.section(Batch::jobSchedules);
        recorder.section(Batch::singleNodes);
        recorder.section(Batch::loginSettings);
        recorder.section(Batch::statistics);
        recorder.section(Batch::sizesOfPools);
        recorder.report();
        // The client's pool of connections would keep the process for minutes.
        System.exit(0);
    }

    private static String environment(String name) {
        return System.getenv(name);
    }

    private static void watch(String group, Object operations) {
        Set<String> none = Set.of("customBehaviors", "withCustomBehaviors");
        recorder.watch(group, operations, operations.getClass(), name -> !none.contains(name));
    }

    private static <T> T call(String operation, Object... arguments) throws Exception {
        return recorder.call(operation, arguments);
    }

    private static ComputeNode idleNode() throws Exception {
        return Recorder.until(() -> Batch.<PagedList<ComputeNode>>call("node.listComputeNodes", id),
            nodes -> nodes.size() == 1 && nodes.get(0).state() == ComputeNodeState.IDLE).get(0);
    }

    private static void steady() throws Exception {
        Recorder.until(() -> Batch.<CloudPool>call("pool.getPool", id), pool -> pool.allocationState() == AllocationState.STEADY);
    }

    private static void pools() throws Exception {
        PagedList<ImageInformation> images = call("account.listSupportedImages");
        images.loadAll();
        Recorder.check(images.stream().anyMatch(image -> image.nodeAgentSKUId().equals("batch.node.ubuntu 22.04")), images.size());
        ImageReference image = new ImageReference().withPublisher("canonical")
            .withOffer("0001-com-ubuntu-server-jammy").withSku("22_04-lts");
        PoolAddParameter pool = new PoolAddParameter().withId(id).withVmSize("standard_d2s_v3").withTargetDedicatedNodes(1)
            .withVirtualMachineConfiguration(new VirtualMachineConfiguration().withImageReference(image)
                .withNodeAgentSKUId("batch.node.ubuntu 22.04"));
        call("pool.createPool", pool);
        recorder.refused("PoolExists", "pool.createPool", pool);
        boolean exists = call("pool.existsPool", id);
        boolean existsNone = call("pool.existsPool", "none");
        Recorder.check(exists && !existsNone, existsNone);
        PagedList<CloudPool> pools = call("pool.listPools");
        Recorder.check(pools.stream().anyMatch(each -> each.id().equals(id)), pools.size());
        call("pool.patchPool", id, null, null, null, metadata);
        CloudPool patched = call("pool.getPool", id);
        Recorder.check(patched.metadata().get(0).value().equals("b"), patched.metadata());
        call("pool.updatePoolProperties", id, null, List.of(), List.of(), metadata);
        idleNode();
        PagedList<PoolNodeCounts> counts = call("account.listPoolNodeCounts");
        Recorder.check(counts.stream().anyMatch(each -> each.poolId().equals(id) && each.dedicated().total() == 1), counts.size());
        call("pool.listPoolUsageMetrics", null, null);
    }

    private static void applications() throws Exception {
        PagedList<ApplicationSummary> all = call("application.listApplications");
        Recorder.check(all.size() == 1, all.size());
        ApplicationSummary tool = call("application.getApplication", "tool");
        Recorder.check(tool.displayName().equals("a tool"), tool.displayName());
    }

    private static void certificates() throws Exception {
        String thumbprint = environment("CERTIFICATE_THUMBPRINT");
        call("certificate.createCertificate", new CertificateAddParameter().withThumbprintAlgorithm("sha1")
            .withThumbprint(thumbprint).withData(environment("CERTIFICATE")).withCertificateFormat(CertificateFormat.CER));
        PagedList<Certificate> all = call("certificate.listCertificates");
        Recorder.check(all.size() == 1, all.size());
        call("pool.patchPool", id, null,
            List.of(new CertificateReference().withThumbprintAlgorithm("sha1").withThumbprint(thumbprint)), null, null);
        call("certificate.deleteCertificate", "sha1", thumbprint);
        Certificate used = call("certificate.getCertificate", "sha1", thumbprint);
        Recorder.check(used.state() == CertificateState.DELETE_FAILED, used.state());
        call("certificate.cancelDeleteCertificate", "sha1", thumbprint);
        call("pool.updatePoolProperties", id, null, List.of(), List.of(), metadata);
        call("certificate.deleteCertificate", "sha1", thumbprint);
    }

    private static void jobsAndTasks() throws Exception {
        call("job.createJob", new JobAddParameter().withId(id).withPoolInfo(onPool)
            .withJobPreparationTask(new JobPreparationTask().withCommandLine("true")));
        PagedList<CloudJob> jobs = call("job.listJobs");
        Recorder.check(jobs.stream().anyMatch(each -> each.id().equals(id)), jobs.size());
        call("task.createTask", id, new TaskAddParameter().withId("one").withCommandLine("/bin/sh -c 'echo hello'"));
        // With fewer threads than it needs, the client can miss that the last of them has ended, and waits for ever.
        call("task.createTasks", id, IntStream.range(0, 120)
            .mapToObj(n -> new TaskAddParameter().withId("t" + n).withCommandLine("true")).toList(),
            List.of(new BatchClientParallelOptions(50)));
        PagedList<CloudTask> tasks = call("task.listTasks", id);
        tasks.loadAll();
        Recorder.check(tasks.size() == 121, tasks.size());
        Recorder.until(() -> Batch.<TaskCounts>call("job.getTaskCounts", id), counts -> counts.succeeded() == 121);
        TaskSlotCounts slots = call("job.getTaskSlotCounts", id);
        Recorder.check(slots.succeeded() == 121, slots.succeeded());
        TaskCountsResult both = call("job.getTaskCountsResult", id);
        Recorder.check(both.taskCounts().completed() == 121, both.taskCounts().completed());
        CloudTask one = call("task.getTask", id, "one");
        Recorder.check(one.executionInfo().exitCode() == 0, one.executionInfo().exitCode());
        List<SubtaskInformation> subtasks = call("task.listSubtasks", id, "one");
        Recorder.check(subtasks.isEmpty(), subtasks.size());
        PagedList<JobPreparationAndReleaseTaskExecutionInformation> prepared = call("job.listPreparationAndReleaseTaskStatus", id);
        Recorder.check(prepared.size() == 1, prepared.size());
        recorder.refused("TaskSucceeded", "task.reactivateTask", id, "one");
    }

    private static void files() throws Exception {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        call("file.getFileFromTask", id, "one", "stdout.txt", content);
        Recorder.check(content.toString().equals("hello\n"), content);
        FileProperties properties = call("file.getFilePropertiesFromTask", id, "one", "stdout.txt");
        Recorder.check(properties.contentLength() == 6 && properties.lastModified() != null, properties.contentLength());
        PagedList<NodeFile> files = call("file.listFilesFromTask", id, "one");
        Recorder.check(files.stream().anyMatch(file -> file.name().equals("stdout.txt")), files.size());
        call("file.deleteFileFromTask", id, "one", "stderr.txt");
        CloudTask one = call("task.getTask", id, "one");
        String node = one.nodeInfo().nodeId();
        String path = one.nodeInfo().taskRootDirectory() + "/stdout.txt";
        ByteArrayOutputStream again = new ByteArrayOutputStream();
        call("file.getFileFromComputeNode", id, node, path, again);
        Recorder.check(again.toString().equals("hello\n"), again);
        FileProperties onNode = call("file.getFilePropertiesFromComputeNode", id, node, path);
        Recorder.check(onNode.contentLength() == 6, onNode.contentLength());
        PagedList<NodeFile> all = call("file.listFilesFromComputeNode", id, node);
        Recorder.check(all.stream().anyMatch(file -> file.name().equals("workitems")), all.size());
        call("file.deleteFileFromComputeNode", id, node, path);
    }

    private static void changesOfJobsAndTasks() throws Exception {
        call("job.patchJob", id, new JobPatchParameter().withPriority(7));
        CloudJob patched = call("job.getJob", id);
        Recorder.check(patched.priority() == 7, patched.priority());
        call("job.updateJob", id, onPool, 8, null, null, metadata);
        CloudJob updated = call("job.getJob", id);
        Recorder.check(updated.priority() == 8, updated.priority());
        call("job.disableJob", id, DisableJobOption.REQUEUE);
        call("task.createTask", id, new TaskAddParameter().withId("waiting").withCommandLine("true"));
        call("task.updateTask", id, "waiting", new TaskConstraints().withMaxTaskRetryCount(3));
        CloudTask waiting = call("task.getTask", id, "waiting");
        Recorder.check(waiting.constraints().maxTaskRetryCount() == 3, waiting.constraints());
        call("task.terminateTask", id, "waiting");
        call("task.reactivateTask", id, "waiting");
        call("job.enableJob", id);
        Recorder.until(() -> Batch.<CloudTask>call("task.getTask", id, "waiting"), task -> task.state() == TaskState.COMPLETED);
        call("task.deleteTask", id, "one");
        recorder.refused("TaskNotFound", "task.getTask", id, "one");
        call("job.terminateJob", id, "enough");
        call("job.deleteJob", id);
    }

    private static void jobSchedules() throws Exception {
        Schedule never = new Schedule().withDoNotRunUntil(new DateTime(2099, 1, 1, 0, 0));
        JobSpecification specification = new JobSpecification().withPoolInfo(onPool);
        call("schedule.createJobSchedule", schedule, never, specification);
        boolean exists = call("schedule.existsJobSchedule", schedule);
        Recorder.check(exists, exists);
        PagedList<CloudJobSchedule> all = call("schedule.listJobSchedules");
        Recorder.check(all.stream().anyMatch(each -> each.id().equals(schedule)), all.size());
        call("schedule.patchJobSchedule", schedule, null, null, metadata);
        CloudJobSchedule patched = call("schedule.getJobSchedule", schedule);
        Recorder.check(patched.metadata().get(0).value().equals("b"), patched.metadata());
        call("schedule.updateJobSchedule", schedule, never, specification);
        PagedList<CloudJob> jobs = call("job.listJobs", schedule);
        Recorder.check(jobs.isEmpty(), jobs.size());
        call("schedule.disableJobSchedule", schedule);
        call("schedule.enableJobSchedule", schedule);
        call("schedule.terminateJobSchedule", schedule);
        call("schedule.deleteJobSchedule", schedule);
    }

    private static void singleNodes() throws Exception {
        String node = idleNode().id();
        ComputeNode found = call("node.getComputeNode", id, node);
        Recorder.check(found.isDedicated(), found.isDedicated());
        call("node.disableComputeNodeScheduling", id, node, DisableComputeNodeSchedulingOption.REQUEUE);
        call("node.enableComputeNodeScheduling", id, node);
        call("node.addComputeNodeUser", id, node, new ComputeNodeUser().withName("kytjava").withPassword("Long-Pass-1!"));
        call("node.updateComputeNodeUser", id, node, "kytjava", "Longer-Pass-2!", DateTime.now().plusHours(1));
        call("node.deleteComputeNodeUser", id, node, "kytjava");
        UploadBatchServiceLogsResult logs = call("node.uploadBatchServiceLogs", id, node, environment("LOGS_URL"),
            new DateTime(2025, 1, 1, 0, 0));
        Recorder.check(logs.numberOfFilesUploaded() > 0, logs.numberOfFilesUploaded());
        call("node.rebootComputeNode", id, node, ComputeNodeRebootOption.REQUEUE);
        idleNode();
        if (recorder.has("node.startComputeNode")) {
            recorder.refused("OperationNotValidOnNode", "node.reimageComputeNode", id, node, ComputeNodeReimageOption.REQUEUE);
            // The older client has no such option, and could not be compiled with its name.
            Class<?> option = Class.forName("com.microsoft.azure.batch.protocol.models.ComputeNodeDeallocateOption");
            call("node.deallocateComputeNode", id, node, option.getField("REQUEUE").get(null));
            Recorder.until(() -> Batch.<ComputeNode>call("node.getComputeNode", id, node).state().toString(), "deallocated"::equals);
            call("node.startComputeNode", id, node);
            idleNode();
        } else {
            recorder.refused("OperationNotValidOnNode", "node.reimageComputeNode", id, node, ComputeNodeReimageOption.REQUEUE);
            recorder.refused("OperationNotValidOnNode", "node.getComputeNodeRemoteDesktop", id, node);
        }
    }

    private static void loginSettings() throws Exception {
        String node = idleNode().id();
        try {
            call("node.getComputeNodeRemoteLoginSettings", id, node);
        } catch (BatchErrorException noSshServerOnTheMachine) {
            recorder.refused("OperationNotValidOnNode", "node.getComputeNodeRemoteLoginSettings", id, node);
        }
    }

    private static void statistics() throws Exception {
        // Newer clients have them no more.
        if (!recorder.has("job.getAllJobsLifetimeStatistics")) return;
        JobStatistics jobs = call("job.getAllJobsLifetimeStatistics");
        Recorder.check(jobs.numSucceededTasks() >= 121, jobs.numSucceededTasks());
        call("pool.getAllPoolsLifetimeStatistics");
    }

    private static void sizesOfPools() throws Exception {
        steady();
        call("pool.resizePool", id, 40, 0);
        call("pool.stopResizePool", id);
        steady();
        List<ComputeNode> nodes = Batch.<PagedList<ComputeNode>>call("node.listComputeNodes", id);
        call("pool.removeNodeFromPool", id, nodes.get(0).id());
        steady();
        PagedList<ComputeNode> left = call("node.listComputeNodes", id);
        left.loadAll();
        call("pool.removeNodesFromPool", id, List.copyOf(left.subList(0, 1)));
        steady();
        call("pool.enableAutoScale", id, "$TargetDedicatedNodes = 0;");
        AutoScaleRun run = call("pool.evaluateAutoScale", id, "$TargetDedicatedNodes = 3;");
        Recorder.check(run.results().contains("$TargetDedicatedNodes=3"), run.results());
        call("pool.disableAutoScale", id);
        call("pool.deletePool", id);
    }
}
