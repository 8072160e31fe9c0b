// Calls the data plane with services/batch, the older of Azure's clients for Go, signed in as a service principal.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/Azure/azure-sdk-for-go/services/batch/2020-09-01.12.0/batch"
	"github.com/Azure/go-autorest/autorest"
	"github.com/Azure/go-autorest/autorest/adal"

	"kyanite.test/clients/recorder"
)

var (
	endpoint = os.Getenv("AZURE_BATCH_ENDPOINT")
	pool     = fmt.Sprintf("go-%d", os.Getpid())
	job      = pool
	schedule = pool + "-schedule"
)

func main() {
	authorizer, err := signedIn()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r := recorder.New(groups(authorizer))
	for _, section := range []func(*recorder.Recorder){
		pools, applications, certificates, jobsAndTasks, files, longNumbers, changesOfJobsAndTasks, jobSchedules, singleNodes,
		loginSettings, sizesOfPools,
	} {
		r.Section(func() { section(r) })
	}
	r.Report()
}

func signedIn() (autorest.Authorizer, error) {
	config, err := adal.NewOAuthConfig(os.Getenv("MANAGEMENT_URL"), os.Getenv("AZURE_TENANT_ID"))
	if err != nil {
		return nil, err
	}
	token, err := adal.NewServicePrincipalToken(*config, os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET"),
		"https://batch.core.windows.net/")
	return autorest.NewBearerAuthorizer(token), err
}

func groups(authorizer autorest.Authorizer) map[string]any {
	pools := batch.NewPoolClient(endpoint)
	jobs := batch.NewJobClient(endpoint)
	tasks := batch.NewTaskClient(endpoint)
	files := batch.NewFileClient(endpoint)
	accounts := batch.NewAccountClient(endpoint)
	applications := batch.NewApplicationClient(endpoint)
	certificates := batch.NewCertificateClient(endpoint)
	nodes := batch.NewComputeNodeClient(endpoint)
	schedules := batch.NewJobScheduleClient(endpoint)
	for _, client := range []*autorest.Client{&pools.Client, &jobs.Client, &tasks.Client, &files.Client, &accounts.Client,
		&applications.Client, &certificates.Client, &nodes.Client, &schedules.Client} {
		client.Authorizer = authorizer
	}
	return map[string]any{
		"pool": pools, "job": jobs, "task": tasks, "file": files, "account": accounts, "application": applications,
		"certificate": certificates, "node": nodes, "schedule": schedules,
	}
}

// both calls a list and the form of it that goes through all elements.
func both[Page any](r *recorder.Recorder, operation string, given ...any) Page {
	r.Must(operation+"Complete", given...)
	return r.Must(operation, given...).(Page)
}

func check(holds bool, found any) {
	if !holds {
		text, _ := json.Marshal(found)
		panic("not as expected: " + string(text))
	}
}

func nodes(r *recorder.Recorder) []batch.ComputeNode {
	return r.Must("node.List", pool).(batch.ComputeNodeListResultPage).Values()
}

func idleNode(r *recorder.Recorder) string {
	r.Until(`"state":"idle"`, func() any { return nodes(r) })
	return *nodes(r)[0].ID
}

func steady(r *recorder.Recorder) {
	r.Until(`"allocationState":"steady"`, func() any { return r.Must("pool.Get", pool) })
}

func pools(r *recorder.Recorder) {
	images := both[batch.AccountListSupportedImagesResultPage](r, "account.ListSupportedImages")
	check(len(images.Values()) > 0, images)
	create := recorder.From[batch.PoolAddParameter](`{"id": "` + pool + `", "vmSize": "standard_d2s_v3", "targetDedicatedNodes": 1,
		"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.ubuntu 22.04", "imageReference": {
			"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}}}`)
	r.Must("pool.Add", create)
	r.Refused("PoolExists", "pool.Add", create)
	exists := r.Must("pool.Exists", pool).(autorest.Response)
	none := r.Must("pool.Exists", "none").(autorest.Response)
	check(exists.StatusCode == 200 && none.StatusCode == 404, none.StatusCode)
	all := both[batch.CloudPoolListResultPage](r, "pool.List", "id eq '"+pool+"'")
	check(len(all.Values()) == 1, all)
	r.Must("pool.Patch", pool, recorder.From[batch.PoolPatchParameter](`{"metadata": [{"name": "a", "value": "b"}]}`))
	patched := r.Must("pool.Get", pool).(batch.CloudPool)
	check(*(*patched.Metadata)[0].Value == "b", patched)
	r.Must("pool.UpdateProperties", pool, recorder.From[batch.PoolUpdatePropertiesParameter](
		`{"certificateReferences": [], "applicationPackageReferences": [], "metadata": []}`))
	idleNode(r)
	counts := both[batch.PoolNodeCountsListResultPage](r, "account.ListPoolNodeCounts")
	check(len(counts.Values()) > 0, counts)
	both[batch.PoolListUsageMetricsResultPage](r, "pool.ListUsageMetrics")
}

func applications(r *recorder.Recorder) {
	all := both[batch.ApplicationListResultPage](r, "application.List")
	check(len(all.Values()) == 1, all)
	tool := r.Must("application.Get", "tool").(batch.ApplicationSummary)
	check(*tool.DisplayName == "a tool", tool)
}

func certificates(r *recorder.Recorder) {
	thumbprint := os.Getenv("CERTIFICATE_THUMBPRINT")
	name := `"thumbprintAlgorithm": "sha1", "thumbprint": "` + thumbprint + `"`
	r.Must("certificate.Add", recorder.From[batch.CertificateAddParameter](
		`{`+name+`, "certificateFormat": "cer", "data": "`+os.Getenv("CERTIFICATE")+`"}`))
	all := both[batch.CertificateListResultPage](r, "certificate.List")
	check(len(all.Values()) == 1, all)
	r.Must("pool.Patch", pool, recorder.From[batch.PoolPatchParameter](`{"certificateReferences": [{`+name+`}]}`))
	r.Must("certificate.Delete", "sha1", thumbprint)
	used := r.Must("certificate.Get", "sha1", thumbprint).(batch.Certificate)
	check(used.State == batch.DeleteFailed, used)
	r.Must("certificate.CancelDeletion", "sha1", thumbprint)
	r.Must("pool.Patch", pool, recorder.From[batch.PoolPatchParameter](`{"certificateReferences": []}`))
	r.Must("certificate.Delete", "sha1", thumbprint)
}

func task(r *recorder.Recorder, id string) batch.CloudTask {
	return r.Must("task.Get", job, id).(batch.CloudTask)
}

func jobsAndTasks(r *recorder.Recorder) {
	r.Must("job.Add", recorder.From[batch.JobAddParameter](`{"id": "`+job+`", "poolInfo": {"poolId": "`+pool+`"},
		"jobPreparationTask": {"commandLine": "true"}}`))
	all := both[batch.CloudJobListResultPage](r, "job.List", "id eq '"+job+"'")
	check(len(all.Values()) == 1, all)
	r.Must("task.Add", job, recorder.From[batch.TaskAddParameter](`{"id": "one", "commandLine": "/bin/sh -c 'echo hello'"}`))
	added := r.Must("task.AddCollection", job, recorder.From[batch.TaskAddCollectionParameter](
		`{"value": [{"id": "two", "commandLine": "true"}, {"id": "a b", "commandLine": "true"}]}`)).(batch.TaskAddCollectionResult)
	check((*added.Value)[0].Status == batch.TaskAddStatusSuccess, added)
	check((*added.Value)[1].Status != batch.TaskAddStatusSuccess, added)
	tasks := both[batch.CloudTaskListResultPage](r, "task.List", job)
	check(len(tasks.Values()) == 2, tasks)
	r.Until(`"succeeded":2`, func() any { return r.Must("job.GetTaskCounts", job) })
	check(*task(r, "one").ExecutionInfo.ExitCode == 0, task(r, "one"))
	r.Must("task.ListSubtasks", job, "one")
	prepared := both[batch.CloudJobListPreparationAndReleaseTaskStatusResultPage](r, "job.ListPreparationAndReleaseTaskStatus", job)
	check(len(prepared.Values()) == 1, prepared)
	r.Refused("TaskSucceeded", "task.Reactivate", job, "one")
}

func content(answer any) string {
	body := *answer.(batch.ReadCloser).Value
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func files(r *recorder.Recorder) {
	text := content(r.Must("file.GetFromTask", job, "one", "stdout.txt"))
	check(text == "hello\n", text)
	properties := r.Must("file.GetPropertiesFromTask", job, "one", "stdout.txt").(autorest.Response)
	check(properties.ContentLength == 6, properties.ContentLength)
	r.Must("file.DeleteFromTask", job, "one", "stderr.txt")
	node := task(r, "one").NodeInfo
	path := *node.TaskRootDirectory + "/stdout.txt"
	text = content(r.Must("file.GetFromComputeNode", pool, *node.NodeID, path))
	check(text == "hello\n", text)
	r.Must("file.GetPropertiesFromComputeNode", pool, *node.NodeID, path)
	r.Must("file.DeleteFromComputeNode", pool, *node.NodeID, path)
	r.Refused("FileNotFound", "file.GetFromComputeNode", pool, *node.NodeID, path)
}

func changesOfJobsAndTasks(r *recorder.Recorder) {
	r.Must("job.Patch", job, recorder.From[batch.JobPatchParameter](`{"priority": 7}`))
	r.Must("job.Update", job, recorder.From[batch.JobUpdateParameter](`{"priority": 8, "poolInfo": {"poolId": "`+pool+`"}}`))
	updated := r.Must("job.Get", job).(batch.CloudJob)
	check(*updated.Priority == 8, updated)
	r.Must("job.Disable", job, batch.JobDisableParameter{DisableTasks: batch.DisableJobOptionRequeue})
	r.Must("task.Add", job, recorder.From[batch.TaskAddParameter](`{"id": "waiting", "commandLine": "true"}`))
	r.Must("task.Update", job, "waiting", recorder.From[batch.TaskUpdateParameter](`{"constraints": {"maxTaskRetryCount": 3}}`))
	check(*task(r, "waiting").Constraints.MaxTaskRetryCount == 3, task(r, "waiting"))
	r.Must("task.Terminate", job, "waiting")
	r.Must("task.Reactivate", job, "waiting")
	r.Must("job.Enable", job)
	r.Until(`"state":"completed"`, func() any { return task(r, "waiting") })
	r.Must("task.Delete", job, "one")
	r.Refused("TaskNotFound", "task.Get", job, "one")
	r.Must("job.Terminate", job, &batch.JobTerminateParameter{})
	r.Must("job.Delete", job)
}

func jobSchedules(r *recorder.Recorder) {
	body := `"schedule": {"doNotRunUntil": "2099-01-01T00:00:00Z"}, "jobSpecification": {"poolInfo": {"poolId": "` + pool + `"}}}`
	r.Must("schedule.Add", recorder.From[batch.JobScheduleAddParameter](`{"id": "`+schedule+`", `+body))
	exists := r.Must("schedule.Exists", schedule).(autorest.Response)
	check(exists.StatusCode == 200, exists.StatusCode)
	all := both[batch.CloudJobScheduleListResultPage](r, "schedule.List", "id eq '"+schedule+"'")
	check(len(all.Values()) == 1, all)
	r.Must("schedule.Patch", schedule, recorder.From[batch.JobSchedulePatchParameter](`{"metadata": [{"name": "a", "value": "b"}]}`))
	patched := r.Must("schedule.Get", schedule).(batch.CloudJobSchedule)
	check(*(*patched.Metadata)[0].Value == "b", patched)
	r.Must("schedule.Update", schedule, recorder.From[batch.JobScheduleUpdateParameter]("{"+body))
	jobs := both[batch.CloudJobListResultPage](r, "job.ListFromJobSchedule", schedule)
	check(len(jobs.Values()) == 0, jobs)
	r.Must("schedule.Disable", schedule)
	r.Must("schedule.Enable", schedule)
	r.Must("schedule.Terminate", schedule)
	r.Must("schedule.Delete", schedule)
}

func singleNodes(r *recorder.Recorder) {
	node := idleNode(r)
	both[batch.ComputeNodeListResultPage](r, "node.List", pool)
	found := r.Must("node.Get", pool, node).(batch.ComputeNode)
	check(*found.IsDedicated, found)
	requeue := batch.NodeDisableSchedulingParameter{NodeDisableSchedulingOption: batch.DisableComputeNodeSchedulingOptionRequeue}
	r.Must("node.DisableScheduling", pool, node, &requeue)
	r.Must("node.EnableScheduling", pool, node)
	r.Must("node.AddUser", pool, node, recorder.From[batch.ComputeNodeUser](`{"name": "kytgo", "password": "Long-Pass-1!"}`))
	r.Must("node.UpdateUser", pool, node, "kytgo", recorder.From[batch.NodeUpdateUserParameter](`{"password": "Longer-Pass-2!"}`))
	r.Must("node.DeleteUser", pool, node, "kytgo")
	r.Refused("OperationNotValidOnNode", "node.GetRemoteDesktop", pool, node)
	logs := r.Must("node.UploadBatchServiceLogs", pool, node, recorder.From[batch.UploadBatchServiceLogsConfiguration](
		`{"containerUrl": "`+os.Getenv("LOGS_URL")+`", "startTime": "2025-01-01T00:00:00Z"}`)).(batch.UploadBatchServiceLogsResult)
	check(*logs.NumberOfFilesUploaded > 0, logs)
	r.Must("node.Reboot", pool, node, &batch.NodeRebootParameter{NodeRebootOption: batch.ComputeNodeRebootOptionRequeue})
	idleNode(r)
	r.Refused("OperationNotValidOnNode", "node.Reimage", pool, node, &batch.NodeReimageParameter{
		NodeReimageOption: batch.ComputeNodeReimageOptionRequeue})
}

func loginSettings(r *recorder.Recorder) {
	node := idleNode(r)
	if _, err := r.Call("node.GetRemoteLoginSettings", pool, node); err != nil {
		// Where no SSH server runs on the machine.
		r.Refused("OperationNotValidOnNode", "node.GetRemoteLoginSettings", pool, node)
	}
}

// longNumbers calls what answers with numbers of 64 bits. The service writes them as strings, which this client cannot read.
func longNumbers(r *recorder.Recorder) {
	recursive := true
	for _, form := range []string{"", "Complete"} {
		r.Call("file.ListFromTask"+form, job, "two", "", &recursive)
		r.Call("file.ListFromComputeNode"+form, pool, *task(r, "two").NodeInfo.NodeID, "", &recursive)
	}
	r.Call("job.GetAllLifetimeStatistics")
	r.Call("pool.GetAllLifetimeStatistics")
}

func sizesOfPools(r *recorder.Recorder) {
	node := idleNode(r)
	steady(r)
	r.Must("pool.Resize", pool, recorder.From[batch.PoolResizeParameter](`{"targetDedicatedNodes": 40}`))
	r.Must("pool.StopResize", pool)
	steady(r)
	r.Must("pool.RemoveNodes", pool, recorder.From[batch.NodeRemoveParameter](`{"nodeList": ["`+node+`"]}`))
	steady(r)
	r.Refused("NodeNotFound", "node.Get", pool, node)
	r.Must("pool.EnableAutoScale", pool, recorder.From[batch.PoolEnableAutoScaleParameter](`{"autoScaleFormula": "$TargetDedicatedNodes = 0;"}`))
	run := r.Must("pool.EvaluateAutoScale", pool, recorder.From[batch.PoolEvaluateAutoScaleParameter](
		`{"autoScaleFormula": "$TargetDedicatedNodes = 3;"}`)).(batch.AutoScaleRun)
	check(*run.Results != "", run)
	r.Must("pool.DisableAutoScale", pool)
	r.Must("pool.Delete", pool)
}
